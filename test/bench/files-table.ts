// The results of the part `files` as text, with ratios to what was measured in the same round. Pure.

import type { FilesResults } from './files.ts';
import { AIDE_INIT, type HashSample, SHA256SUM } from './files-hash.ts';
import type { ChangeSample, WatchSample } from './files-watch.ts';
import { INOTIFYWAIT_NAME, NOTHING } from './files-watchers.ts';
import { type Spread, spread } from './measure.ts';
import { aligned, type Cells, range } from './table.ts';

export function filesLines({ paths, idleMs, tree, watching, changes, hashing }: FilesResults): string[] {
  const sized = watching.find(sample => sample.files !== undefined);
  const size = sized === undefined ? '' : `: ${sized.files} files, ${sized.directories} directories`;
  return [
    `watching ${paths.join(', ')}${size}`,
    ...aligned([watchHead(idleMs), ...groups(watching, s => s.configuration).map(watchCells)]),
    '',
    ...aligned([
      CHANGE_HEAD,
      ...groups(changes, s => s.workload).flatMap(group => [
        [group[0]!.workload],
        ...groups(group, s => s.configuration).map(one => changeCells(one, group)),
      ]),
    ]),
    '',
    `hashing ${tree.small} files of 4 KiB and ${tree.large} of 10 MiB, from the page cache`,
    ...aligned([HASH_HEAD, ...groups(hashing, s => s.what).map(one => hashCells(one, hashing))]),
  ];
}

function groups<T>(samples: readonly T[], keyOf: (sample: T) => string): (readonly T[])[] {
  return [...Map.groupBy(samples, keyOf).values()];
}

/** Undefined where no round has it. */
function over<T>(samples: readonly T[], pick: (sample: T) => number | undefined): Spread | undefined {
  const known = samples.map(pick).filter(value => value !== undefined);
  return known.length === 0 ? undefined : spread(known);
}

function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}

const sum = <T>(samples: readonly T[], pick: (sample: T) => number | undefined): number =>
  samples.reduce((total, sample) => total + (pick(sample) ?? 0), 0);

const watchHead = (idleMs: number): Cells => [
  'watcher',
  'watched after ms',
  'RSS MiB',
  'peak',
  'marks',
  'slab MiB',
  `idle ${idleMs / 1000} s: CPU %`,
  'wake-ups/s',
  'told',
];

function watchCells(group: readonly WatchSample[]): Cells {
  return [
    `  ${group[0]!.configuration}`,
    range(over(group, s => s.watchedMs)),
    range(over(group, s => s.rssMib)),
    range(over(group, s => s.peakRssMib)),
    String(group[0]!.marks),
    range(over(group, s => s.slabMib)),
    range(over(group, s => s.idleCpuPercent)),
    range(over(group, s => s.idleWakeUpsPerSecond)),
    String(sum(group, s => s.idleTold)),
  ];
}

const CHANGE_HEAD: Cells = [
  'workload, watcher',
  'ops/s',
  'slow-down',
  'median µs',
  'p99 µs',
  'longest ms',
  'CPU µs/op',
  '× inotifywait',
  'CPU µs/told',
  'user',
  'system',
  'RSS MiB',
  'told',
  'hashed',
  'lost',
  'audit events',
];

/** `all`: every configuration's samples of the same workload. */
function changeCells(group: readonly ChangeSample[], all: readonly ChangeSample[]): Cells {
  const other = (name: string, { round }: ChangeSample): ChangeSample | undefined =>
    all.find(s => s.configuration === name && s.round === round);
  const isFlatOut = group[0]!.workload.endsWith('flat out');
  // At a fixed rate the elapsed time is the schedule's: there the median operation tells.
  const slowness = (s: ChangeSample | undefined): number | undefined =>
    isFlatOut ? s && s.elapsedSeconds / s.count : s?.medianUs;
  const cpu = (s: ChangeSample | undefined): number | undefined =>
    s?.cpuSeconds === undefined ? undefined : (s.cpuSeconds / s.count) * 1e6;
  const perTold = (seconds: number | undefined, { told }: ChangeSample): number | undefined =>
    seconds === undefined || !told ? undefined : (seconds / told) * 1e6;
  const count = (pick: (sample: ChangeSample) => number | undefined): string =>
    group.some(s => pick(s) !== undefined) ? String(sum(group, pick)) : '–';
  return [
    `  ${group[0]!.configuration}`,
    range(over(group, s => s.count / s.elapsedSeconds)),
    range(
      over(group, s => ratio(slowness(s), slowness(other(NOTHING, s)))),
      '×',
    ),
    range(over(group, s => s.medianUs)),
    range(over(group, s => s.p99Us)),
    range(over(group, s => s.longestUs / 1000)),
    range(over(group, cpu)),
    range(
      over(group, s => ratio(cpu(s), cpu(other(INOTIFYWAIT_NAME, s)))),
      '×',
    ),
    range(over(group, s => perTold(s.cpuSeconds, s))),
    range(over(group, s => perTold(s.userSeconds, s))),
    range(over(group, s => perTold(s.systemSeconds, s))),
    range(over(group, s => s.rssMib)),
    count(s => s.told),
    count(s => s.hashed),
    count(s => s.lost),
    count(s => s.auditEvents),
  ];
}

const HASH_HEAD: Cells = ['reader', 'seconds', 'CPU seconds', '× sha256sum', '× aide --init', 'peak RSS MiB'];

function hashCells(group: readonly HashSample[], all: readonly HashSample[]): Cells {
  const against = (name: string): Spread | undefined =>
    over(group, s => ratio(s.cpuSeconds, all.find(o => o.what === name && o.round === s.round)?.cpuSeconds));
  return [
    `  ${group[0]!.what}`,
    range(over(group, s => s.elapsedSeconds)),
    range(over(group, s => s.cpuSeconds)),
    range(against(SHA256SUM), '×'),
    range(against(AIDE_INIT), '×'),
    range(over(group, s => s.peakRssMib)),
  ];
}

// The results as text. Pure.

import type { IdleResult, ReplayResult, StartResult } from './life.ts';
import type { Spread } from './measure.ts';
import type { Row, Target } from './summary.ts';

export type Cells = readonly string[];

/** Columns as wide as their widest cell; the first is aligned to the left, the others to the right. */
export function aligned(rows: readonly Cells[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map(row =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

export function digits(value: number): string {
  const size = Math.abs(value);
  return size >= 1000
    ? value.toFixed(0)
    : size >= 100
      ? value.toFixed(0)
      : size >= 10
        ? value.toFixed(1)
        : value.toFixed(2);
}

/** The median, and with more than one round the least and the most. */
export function range(value: Spread | undefined, suffix = ''): string {
  if (value === undefined) return '–';
  const { median, min, max } = value;
  const middle = `${digits(median)}${suffix}`;
  return min === max ? middle : `${middle} (${digits(min)}–${digits(max)})`;
}

const STORM_HEAD: Cells = [
  'workload, reader',
  'ops/s',
  'slow-down',
  'median µs',
  'p99 µs',
  'longest ms',
  'CPU s/10,000 events',
  '× auditd raw',
  'kauditd',
  'RSS MiB',
  'events',
  'lost',
  'alerts',
];

function stormCells(row: Row): Cells {
  const lost = row.kernelLostRecords > 0 ? `${row.lostEvents} + ${row.kernelLostRecords} rec.` : String(row.lostEvents);
  const hasReader = row.rssMib !== undefined;
  return [
    `  ${row.configuration}`,
    digits(row.operationsPerSecond.median),
    range(row.slowDown, '×'),
    digits(row.medianUs.median),
    digits(row.p99Us.median),
    digits(row.longestMs.max),
    range(row.cpuPer10k),
    range(row.cpuRatio, '×'),
    row.kauditdPer10k === undefined ? '–' : digits(row.kauditdPer10k.median),
    row.rssMib === undefined ? '–' : digits(row.rssMib.max),
    hasReader ? String(row.events) : '–',
    hasReader ? lost : '–',
    hasReader ? String(row.alerts) : '–',
  ];
}

export function stormLines(rows: readonly Row[]): string[] {
  const workloads = [...new Set(rows.map(row => row.workload))];
  const cells = workloads.flatMap(workload => [
    [workload],
    ...rows.filter(row => row.workload === workload).map(stormCells),
  ]);
  return aligned([STORM_HEAD, ...cells]);
}

export function targetLines(list: readonly Target[]): string[] {
  return aligned([
    ['promised', 'measured', 'at most', ''],
    ...list.map(t => [`  ${t.what}`, digits(t.measured), digits(t.wanted), t.measured <= t.wanted ? 'kept' : 'MISSED']),
  ]);
}

export interface EvaluatorRow {
  readonly rules: string;
  readonly 'events/s': number;
  readonly 'µs/event': number;
  readonly 'µs with records': number;
  readonly 'naive µs': number;
  readonly 'naive/compiled': number;
}

export function evaluatorLines(rows: readonly EvaluatorRow[]): string[] {
  return aligned([
    ['evaluator alone, rules', 'events/s/core', 'µs/event', 'µs with records', 'naive µs', 'naive/compiled'],
    ...rows.map(row => [
      `  ${row.rules}`,
      String(row['events/s']),
      digits(row['µs/event']),
      digits(row['µs with records']),
      digits(row['naive µs']),
      `${digits(row['naive/compiled'])}×`,
    ]),
  ]);
}

export interface LifeResults {
  readonly start: readonly StartResult[];
  readonly idle: readonly IdleResult[];
  readonly replay: readonly ReplayResult[];
}

export function lifeLines({ start, idle, replay }: LifeResults): string[] {
  return [
    ...aligned([['start-up, rules', 'ms to agent_started'], ...start.map(s => [`  ${s.rules}`, range(s.readyMs)])]),
    '',
    ...aligned([
      ['idle for 10 s, rules', 'CPU %', 'wake-ups/s', 'RSS MiB', 'events'],
      ...idle.map(i => [
        `  ${i.rules}`,
        digits(i.cpuPercent),
        digits(i.wakeUpsPerSecond),
        digits(i.rssMib),
        String(i.events),
      ]),
    ]),
    '',
    ...aligned([
      ['replay, rules', 'events', 'events/s', 'CPU µs/event', 'RSS MiB half-way', 'at the end', 'grown', 'peak'],
      ...replay.map(r => [
        `  ${r.rules}`,
        String(r.events),
        digits(r.eventsPerSecond),
        digits(r.cpuMicrosecondsPerEvent),
        digits(r.halfRssMib),
        digits(r.endRssMib),
        digits(r.endRssMib - r.halfRssMib),
        digits(r.peakRssMib),
      ]),
    ]),
  ];
}

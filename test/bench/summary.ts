// From the samples of all rounds to one row for each workload and configuration, with ratios to the baselines of the same run. Pure.

import { type Spread, spread } from './measure.ts';
import type { Sample } from './storms.ts';

export interface Row {
  readonly workload: string;
  readonly configuration: string;
  readonly operationsPerSecond: Spread;
  /** Time an operation, against `nothing` in the same round. */
  readonly slowDown: Spread;
  readonly medianUs: Spread;
  readonly p99Us: Spread;
  readonly longestMs: Spread;
  readonly cpuPer10k?: Spread;
  /** Against `auditd raw` in the same round. */
  readonly cpuRatio?: Spread;
  readonly kauditdPer10k?: Spread;
  readonly rssMib?: Spread;
  readonly events: number;
  readonly lostEvents: number;
  readonly kernelLostRecords: number;
  readonly alerts: number;
}

export const NOTHING = 'nothing';
export const AUDITD_RAW = 'auditd raw';

/** Absent where the reader's kernel rules don't ask for the workload's events. */
function per10k(seconds: number | undefined, { events, count }: Sample): number | undefined {
  return seconds === undefined || events === undefined || events < count / 4 ? undefined : (seconds / events) * 10_000;
}

function cpuPer10k(sample: Sample): number | undefined {
  return per10k(sample.cpuSeconds, sample);
}

function some(values: readonly (number | undefined)[]): Spread | undefined {
  const known = values.filter(value => value !== undefined);
  return known.length === 0 ? undefined : spread(known);
}

function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}

export function summarize(samples: readonly Sample[]): Row[] {
  const find = (workload: string, configuration: string, round: number): Sample | undefined =>
    samples.find(s => s.workload === workload && s.configuration === configuration && s.round === round);
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = `${sample.workload}\0${sample.configuration}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [sample]);
    else group.push(sample);
  }
  const sum = (group: readonly Sample[], pick: (sample: Sample) => number | undefined): number =>
    group.reduce((total, sample) => total + (pick(sample) ?? 0), 0);
  return [...groups.values()].map(group => {
    const { workload, configuration } = group[0]!;
    const perOperation = (sample: Sample | undefined): number | undefined =>
      sample === undefined ? undefined : sample.elapsedSeconds / sample.count;
    // At a fixed rate the elapsed time is the schedule's: there the median operation tells.
    const slowness = workload.endsWith('flat out') ? perOperation : (sample: Sample | undefined) => sample?.medianUs;
    const cpu = some(group.map(cpuPer10k));
    const cpuRatio = some(
      group.map(sample => {
        const base = find(workload, AUDITD_RAW, sample.round);
        return ratio(cpuPer10k(sample), base && cpuPer10k(base));
      }),
    );
    const kauditdPer10k = some(group.map(sample => per10k(sample.kauditdCpuSeconds, sample)));
    const rss = some(group.map(sample => sample.rssMib));
    return {
      workload,
      configuration,
      operationsPerSecond: spread(group.map(sample => sample.operationsPerSecond)),
      slowDown: some(group.map(sample => ratio(slowness(sample), slowness(find(workload, NOTHING, sample.round))))) ?? {
        median: 1,
        min: 1,
        max: 1,
      },
      medianUs: spread(group.map(sample => sample.medianUs)),
      p99Us: spread(group.map(sample => sample.p99Us)),
      longestMs: spread(group.map(sample => sample.longestUs / 1000)),
      ...(cpu !== undefined && { cpuPer10k: cpu }),
      ...(cpuRatio !== undefined && { cpuRatio }),
      ...(kauditdPer10k !== undefined && { kauditdPer10k }),
      ...(rss !== undefined && { rssMib: rss }),
      events: sum(group, sample => sample.events),
      lostEvents: sum(group, sample => sample.lostEvents),
      kernelLostRecords: sum(group, sample => sample.kernelLostRecords),
      alerts: sum(group, sample => sample.alerts),
    };
  });
}

export interface Target {
  readonly what: string;
  readonly measured: number;
  readonly wanted: number;
}

/** What the project promises of these measurements, with what was measured now. Nothing fails by it: the machine may be busy. */
export function targets(rows: readonly Row[], agents: { rulesD: string; sigma: string }): Target[] {
  const row = (configuration: string, workload = 'exec flat out'): Row | undefined =>
    rows.find(r => r.workload === workload && r.configuration === configuration);
  const out: Target[] = [];
  const add = (what: string, measured: number | undefined, wanted: number): void => {
    if (measured !== undefined) out.push({ what, measured, wanted });
  };
  add('CPU per exec event, all Sigma rules, against auditd raw', row(agents.sigma)?.cpuRatio?.median, 0.4);
  add('CPU per exec event, rules.d, against auditd raw', row(agents.rulesD)?.cpuRatio?.median, 0.3);
  const auditd = row(AUDITD_RAW);
  for (const name of [agents.sigma, agents.rulesD]) {
    const mine = row(name);
    if (mine === undefined || auditd === undefined) continue;
    // A machine on which auditd delays nothing has no half of it.
    if (auditd.slowDown.median > 1.02)
      add(
        `exec storm's delay under ${name}, against that under auditd raw`,
        (mine.slowDown.median - 1) / (auditd.slowDown.median - 1),
        0.5,
      );
    const floor = row('null reader');
    if (floor !== undefined)
      add(
        `exec storm's time under ${name}, against the null reader`,
        mine.slowDown.median / floor.slowDown.median,
        1.2,
      );
  }
  return out;
}

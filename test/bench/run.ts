// The benchmark: storms under auditd and under the agent, the evaluator alone, the agent by itself, files watched and hashed, packets. One table with ratios, all measured
// in one run, and the same as JSON. Needs root and the kernel's audit subsystem for itself; puts its state back.
//   ./dev bench [--quick] [--only flat,fixed,evaluator,life,files,packets] [--json FILE]

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hostRuleContext } from '../../src/host-context.ts';
import { kernelNeeds } from '../../src/kernel-needs.ts';
import { mergeNeeds } from '../../src/rules/needs.ts';
import { loadRuleset, verdictSummary } from '../../src/rules-loading.ts';
import { type FilesResults, measureFiles } from './files.ts';
import { filesLines } from './files-table.ts';
import { KernelState } from './kernel.ts';
import { measureIdle, measureReplay, measureStart } from './life.ts';
import { loadAverage } from './measure.ts';
import { measurePackets, type PacketResults } from './packet-load.ts';
import { packetLines } from './packet-table.ts';
import { AGENT, AUDITD, compilePrograms, type Operation, ROOT } from './programs.ts';
import { agent, auditd, type Configuration, killReaders, nothing, nullReader } from './readers.ts';
import { runStorms, type Sample, type Workload } from './storms.ts';
import { summarize, targets } from './summary.ts';
import { type EvaluatorRow, evaluatorLines, type LifeResults, lifeLines, stormLines, targetLines } from './table.ts';

const PARTS = ['flat', 'fixed', 'evaluator', 'life', 'files', 'packets'] as const;
type Part = (typeof PARTS)[number];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: PARTS.join(',') },
    json: { type: 'string', default: join(ROOT, 'build/bench.json') },
    rounds: { type: 'string' },
  },
});
const parts = new Set(options.only.split(','));
for (const part of parts)
  if (!PARTS.includes(part as Part)) refuse(`--only ${part}: not one of ${PARTS.join(', ')}`, 2);

function refuse(message: string, code: number): never {
  console.error(`bench: ${message}`);
  process.exit(code);
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

interface RuleSet {
  readonly name: string;
  readonly paths: readonly string[];
}

/** The rule sets that are there: the project's own pack and SigmaHQ's Linux rules. */
function ruleSets(): RuleSet[] {
  const shared = process.env.PUPPY_SHARED_DATA ?? join(ROOT, '../shared/data');
  const candidates = [
    { name: 'agent, rules.d', paths: [join(ROOT, 'rules.d')] },
    { name: 'agent, Sigma', paths: [join(shared, 'sigma/rules')] },
  ];
  return candidates.filter(({ name, paths }) => {
    const count = existsSync(paths[0]!) ? loadRuleset(paths).ruleset.rules.length : 0;
    if (count === 0) console.error(`bench: ${name}: no rules in ${paths[0]}, left out`);
    return count > 0;
  });
}

const needsKernel = [...parts].some(part => part !== 'evaluator');
if (needsKernel && process.getuid?.() !== 0)
  refuse('not root: the audit subsystem needs it (sudo ./dev bench), or --only evaluator', 3);
if (!existsSync(AGENT)) refuse('./puppy-hids is not built (./dev build)', 1);

const startedAt = new Date();
const loadBefore = loadAverage();
const sets = ruleSets();
let kernel: KernelState | undefined;

function putBack(): void {
  killReaders();
  kernel?.restore();
}

async function storms(
  workloads: readonly Workload[],
  rounds: number,
): Promise<{ samples: Sample[]; kernelRules: object }> {
  // Everybody gets what all sets need.
  const needs = mergeNeeds(sets.map(set => loadRuleset(set.paths).ruleset.needs));
  const any = kernelNeeds(needs, false, hostRuleContext(process.arch === 'arm64' ? 'aarch64' : 'x86_64'));
  const configurations: Configuration[] = [
    nothing,
    nullReader(any),
    ...(AUDITD === undefined ? [] : [auditd('RAW', any), auditd('ENRICHED', any)]),
    // What auditd does is compared; files have a part of their own.
    ...sets.map(set => agent(set.name, { rules: set.paths, config: 'fsnotify: {enabled: false}\n' })),
  ];
  if (AUDITD === undefined) console.error('bench: auditd is not installed, left out');
  const scale = options.quick ? 0.4 : 1;
  const warmUp: Workload[] = [
    { operation: 'exec', rate: 0, count: 100_000 * scale },
    { operation: 'tcp', rate: 0, count: 30_000 * scale },
  ];
  return await runStorms(kernel!, configurations, { rounds, warmUp, workloads, progress });
}

function flatWorkloads(): Workload[] {
  const scale = options.quick ? 0.4 : 1;
  return [
    { operation: 'exec', rate: 0, count: 40_000 * scale },
    { operation: 'tcp', rate: 0, count: 30_000 * scale },
    { operation: 'udp', rate: 0, count: 40_000 * scale },
  ];
}

function fixedWorkloads(): Workload[] {
  const seconds = options.quick ? 0.5 : 2;
  const operations: Operation[] = ['exec', 'tcp'];
  return operations.flatMap(operation =>
    (options.quick ? [400] : [100, 400, 1600]).map(rate => ({ operation, rate, count: rate * seconds })),
  );
}

function evaluator(): EvaluatorRow[] {
  progress('the evaluator alone');
  const r = spawnSync(process.execPath, [join(import.meta.dir, 'evaluator.ts'), '--json'], { encoding: 'utf8' });
  if (r.status !== 0) {
    console.error(`bench: the evaluator alone: ${r.stderr.trim()}`);
    return [];
  }
  return JSON.parse(r.stdout) as EvaluatorRow[];
}

async function life(): Promise<LifeResults> {
  const start = [];
  const idle = [];
  const replay = [];
  for (const { name, paths } of sets) {
    progress(`${name}: starting`);
    start.push(await measureStart(name, paths, options.quick ? 3 : 5));
  }
  for (const { name, paths } of sets) {
    progress(`${name}: idle`);
    idle.push(await measureIdle(name, paths));
  }
  kernel!.restore();
  for (const { name, paths } of sets) {
    progress(`${name}: replay`);
    replay.push(await measureReplay(name, paths, options.quick ? 100_000 : 1_000_000));
  }
  return { start, idle, replay };
}

async function files(rounds: number): Promise<FilesResults> {
  const rules = [join(ROOT, 'rules.d')];
  return await measureFiles(kernel!, { isQuick: options.quick, rounds, rules, progress });
}

async function packets(): Promise<PacketResults> {
  return await measurePackets({ isQuick: options.quick, rules: [join(ROOT, 'rules.d')], progress });
}

async function main(): Promise<void> {
  if (needsKernel) kernel = new KernelState();
  if (kernel !== undefined && kernel.hostRules > 0)
    console.error(`bench: this host has ${kernel.hostRules} audit rules of its own, which count under every reader`);
  compilePrograms();
  const rounds = options.rounds === undefined ? (options.quick ? 1 : 2) : Number(options.rounds);
  const flat = parts.has('flat') ? await storms(flatWorkloads(), rounds) : undefined;
  const fixed = parts.has('fixed') ? await storms(fixedWorkloads(), 1) : undefined;
  const lived = parts.has('life') ? await life() : undefined;
  const watched = parts.has('files') ? await files(rounds) : undefined;
  const carried = parts.has('packets') ? await packets() : undefined;
  const evaluated = parts.has('evaluator') ? evaluator() : undefined;
  progress('');
  const samples = [...(flat?.samples ?? []), ...(fixed?.samples ?? [])];
  const rows = summarize(samples);
  const promises = targets(rows, { rulesD: 'agent, rules.d', sigma: 'agent, Sigma' });
  const machine = {
    kernel: os.release(),
    architecture: os.arch(),
    cpus: os.cpus().length,
    cpu: os.cpus()[0]?.model,
    loadBefore,
    loadAfter: loadAverage(),
    rules: sets.map(({ name, paths }) => ({ name, ...verdictSummary(loadRuleset(paths).ruleset) })),
  };
  const sections = [
    ...(rows.length > 0 ? [stormLines(rows)] : []),
    ...(promises.length > 0 ? [targetLines(promises)] : []),
    ...(evaluated !== undefined && evaluated.length > 0 ? [evaluatorLines(evaluated)] : []),
    ...(lived !== undefined ? [lifeLines(lived)] : []),
    ...(watched !== undefined ? [filesLines(watched)] : []),
    ...(carried !== undefined ? [packetLines(carried)] : []),
  ];
  console.log(sections.map(lines => lines.join('\n')).join('\n\n'));
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 1000);
  console.log(
    `\nLinux ${machine.kernel}, ${machine.cpus} CPUs (${machine.cpu}), load ${loadBefore} before and ${machine.loadAfter} after; ` +
      `${rounds} rounds, median (least–most); slow-down against nothing, at a fixed rate by the median operation; ${seconds} s`,
  );
  const json = {
    startedAt: startedAt.toISOString(),
    seconds,
    machine,
    kernelRules: { ...flat?.kernelRules, ...fixed?.kernelRules },
    rows,
    targets: promises,
    evaluator: evaluated,
    ...lived,
    files: watched,
    packets: carried,
    samples,
  };
  writeFileSync(options.json, `${JSON.stringify(json, null, 1)}\n`);
  console.log(`JSON: ${options.json}`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    putBack();
    process.exit(1);
  });
}
try {
  await main();
} catch (error) {
  progress('');
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  putBack();
}
process.exit();

// Runs every test, layer by layer, one process a file, so that one that hangs or exits takes nothing with it. Sums what the files
// report, lists what was left out, and ends with one line: `N passed, N failed`.
//   bun run test/run.ts [--fast] [PART OF A PATH]...     --fast: without root, so without the host and binary layers

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseJunit, type TestCase } from './junit.ts';

const root = join(import.meta.dir, '..');
const bun = process.execPath;
const { values: options, positionals: filters } = parseArgs({
  options: { fast: { type: 'boolean', default: false } },
  allowPositionals: true,
});

interface Job {
  readonly name: string;
  readonly command: readonly string[];
  /** Where `bun test` reports its cases; a tool without reports is one case by its exit code. */
  readonly junit?: string;
}

interface Layer {
  readonly name: string;
  readonly jobs: readonly Job[];
  readonly parallel: number;
  readonly limitSeconds: number;
}

/** What no machine of ours can do (the closed list of the testing rules): a test says so in its name, and may then be skipped. */
const CLOSED_LIST = /needs (32-bit programs|VLAN devices|kernel modules|systemd as pid 1|SELinux|AppArmor)/i;

const scratch = mkdtempSync(join(tmpdir(), 'puppy-tests-'));
const isRoot = process.getuid?.() === 0;
const canSudo = !isRoot && Bun.which('sudo') !== null && spawnSync('sudo', ['-n', 'true']).status === 0;

function testFiles(): string[] {
  const all = [...new Bun.Glob('test/**/*.test.ts').scanSync({ cwd: root })].sort();
  return filters.length === 0 ? all : all.filter(path => filters.some(f => path.includes(f)));
}

function testJob(path: string, index: number, timeoutSeconds: number, asRoot: boolean): Job {
  const junit = join(scratch, `${index}.xml`);
  const environment = ['PUPPY_SHARED_DATA', 'CI', 'UPDATE_GOLDEN'].flatMap(name => {
    const value = process.env[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });
  const elevate = asRoot && canSudo ? ['sudo', '-n', 'env', ...environment] : [];
  const report = ['--reporter=junit', `--reporter-outfile=${junit}`];
  return {
    name: path,
    junit,
    command: [...elevate, bun, 'test', ...report, `--timeout=${timeoutSeconds * 1000}`, `./${path}`],
  };
}

function staticJobs(): Job[] {
  if (filters.length > 0) return [];
  const bin = join(root, 'node_modules/.bin');
  const native = ['native', 'test/native'].flatMap(folder =>
    [...new Bun.Glob('*.{cc,h}').scanSync({ cwd: join(root, folder) })].sort().map(name => `${folder}/${name}`),
  );
  const jobs: Job[] = [
    { name: 'biome', command: [bun, '--bun', `${bin}/biome`, 'check', '.'] },
    { name: 'tsc', command: [bun, '--bun', `${bin}/tsc`, '--noEmit'] },
    { name: 'knip', command: [bun, '--bun', `${bin}/knip`, '--no-progress'] },
  ];
  // Another version of clang-format breaks lines elsewhere; the one that judges is installed by ./dev.
  if (Bun.which('clang-format'))
    jobs.push({ name: 'clang-format', command: ['clang-format', '--dry-run', '-Werror', ...native] });
  if (Bun.which('clang-tidy')) {
    const sources = native.filter(path => /^native\/(?!addon|glibc)\w+\.cc$/.test(path));
    jobs.push({ name: 'clang-tidy', command: ['clang-tidy', '--quiet', ...sources, '--', '-std=c++17', '-Inative'] });
  }
  return jobs;
}

function layers(): Layer[] {
  const files = testFiles();
  const of = (wanted: RegExp, timeoutSeconds: number, asRoot = false): Job[] =>
    files.flatMap((path, i) => (wanted.test(path) ? [testJob(path, i, timeoutSeconds, asRoot)] : []));
  const cpus = availableParallelism();
  const fast: Layer[] = [
    { name: 'static', jobs: staticJobs(), parallel: cpus, limitSeconds: 300 },
    { name: 'unit', jobs: of(/^test\/(?!(?:native|host|binary|build)\/)/, 20), parallel: cpus, limitSeconds: 180 },
    { name: 'native', jobs: of(/^test\/native\//, 300), parallel: 1, limitSeconds: 600 },
  ];
  if (options.fast) return fast;
  return [
    ...fast,
    // Not as root: what is built belongs to whoever builds.
    { name: 'build', jobs: of(/^test\/build\//, 180), parallel: 1, limitSeconds: 600 },
    // The kernel has one audit subsystem: one file at a time.
    { name: 'host', jobs: of(/^test\/host\//, 120, true), parallel: 1, limitSeconds: 400 },
    { name: 'binary', jobs: of(/^test\/binary\//, 180, true), parallel: 1, limitSeconds: 600 },
  ];
}

const running = new Set<ChildProcess>();

interface Result {
  readonly cases: readonly TestCase[];
  readonly output: string;
}

/** Runs a job under timeout(1), which ends the whole process group also where only root may. */
async function run(job: Job, limitSeconds: number): Promise<Result> {
  const log = join(scratch, 'output');
  const path = `${log}.${Math.random().toString(36).slice(2)}`;
  const fd = openSync(path, 'w');
  const elevated = job.command[0] === 'sudo' ? job.command.slice(0, 2) : [];
  const command = [
    ...elevated,
    'timeout',
    '--kill-after=10',
    String(limitSeconds),
    ...job.command.slice(elevated.length),
  ];
  const child = spawn(command[0]!, command.slice(1), { cwd: root, stdio: ['ignore', fd, fd] });
  running.add(child);
  const status = await new Promise<number | string>(resolve => {
    child.on('error', error => resolve(error.message));
    child.on('exit', (code, signal) => resolve(signal ?? code ?? -1));
  });
  running.delete(child);
  closeSync(fd);
  const output = readFileSync(path, 'utf8');
  rmSync(path);
  return { cases: judge(job, status, limitSeconds), output };
}

function judge(job: Job, status: number | string, limitSeconds: number): TestCase[] {
  if (job.junit === undefined) return [{ name: job.name, outcome: status === 0 ? 'passed' : 'failed' }];
  let cases: TestCase[] = [];
  try {
    cases = parseJunit(readFileSync(job.junit, 'utf8'));
  } catch {
    // it ended before it could report
  }
  if (status === 124 || status === 137) cases.push({ name: `took over ${limitSeconds} s`, outcome: 'failed' });
  else if (status !== 0 && !cases.some(c => c.outcome === 'failed')) {
    cases.push({ name: `ended with ${status}`, outcome: 'failed' });
  } else if (cases.length === 0) cases.push({ name: 'ran no test', outcome: 'failed' });
  return cases;
}

const totals = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
const skips: string[] = [];

function report(job: Job, result: Result, seconds: number): void {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const c of result.cases) {
    counts[c.outcome]++;
    totals[c.outcome]++;
    if (c.outcome === 'failed') failures.push(`${job.name}: ${c.name}`);
    if (c.outcome === 'skipped') skips.push(`${job.name}: ${c.name}`);
  }
  const words = [`${counts.passed} passed`];
  if (counts.failed > 0) words.push(`${counts.failed} failed`);
  if (counts.skipped > 0) words.push(`${counts.skipped} skipped`);
  console.log(`${counts.failed > 0 ? 'FAIL' : 'ok  '} ${job.name}: ${words.join(', ')} (${seconds.toFixed(1)} s)`);
  if (counts.failed > 0) console.log(result.output.split('\n').slice(-200).join('\n').replace(/^/gm, '     | '));
}

async function runLayer(layer: Layer): Promise<void> {
  if (layer.jobs.length === 0) return;
  console.log(`-- ${layer.name}`);
  const queue = [...layer.jobs];
  const worker = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const start = performance.now();
      report(job, await run(job, layer.limitSeconds), (performance.now() - start) / 1000);
    }
  };
  await Promise.all(Array.from({ length: layer.parallel }, worker));
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill('SIGTERM');
    rmSync(scratch, { recursive: true, force: true });
    process.exit(1);
  });
}

for (const layer of layers()) await runLayer(layer);
rmSync(scratch, { recursive: true, force: true });

const refused = process.env.CI === undefined ? [] : skips.filter(name => !CLOSED_LIST.test(name));
for (const name of skips) console.log(`${refused.includes(name) ? 'skipped, and must not be' : 'skipped'}: ${name}`);
for (const name of failures) console.log(`failed: ${name}`);
if (totals.passed + totals.failed === 0) failures.push('nothing ran');
console.log(
  `${totals.passed} passed, ${totals.failed + refused.length} failed` +
    (totals.skipped > refused.length ? `, ${totals.skipped - refused.length} skipped` : ''),
);
process.exit(failures.length + refused.length > 0 ? 1 : 0);

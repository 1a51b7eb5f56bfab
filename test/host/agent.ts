// Runs the compiled executable against the real kernel, as a user does: its lines, its log, its exit code. Each run has its own
// state folder and configuration; the kernel's audit state is compared and put back around each test.

import { afterEach, beforeEach, expect } from 'bun:test';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const BINARY = resolve(process.env.PUPPY_BINARY ?? join(import.meta.dir, '../../puppy-hids'));
export const RULES = join(import.meta.dir, 'rules');
export const SHARED = resolve(process.env.PUPPY_SHARED_DATA ?? join(import.meta.dir, '../../../shared/data'));

/** A folder that the test's own clean-up removes. */
export const scratch = mkdtempSync(join(tmpdir(), 'puppy-host-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;
export function folder(): string {
  const path = join(scratch, String(folders++));
  mkdirSync(path);
  return path;
}

let helperPath: string | undefined;
/** The C program of the scenarios, compiled once. */
export function helper(): string {
  if (helperPath === undefined) {
    helperPath = join(scratch, 'helper');
    execFileSync('cc', ['-O2', '-static', '-o', helperPath, join(import.meta.dir, 'programs/helper.c')]);
  }
  return helperPath;
}

/** Runs the helper; its `name value` lines. */
export async function scenario(...args: readonly (string | number)[]): Promise<Readonly<Record<string, number>>> {
  const child = Bun.spawn([helper(), ...args.map(String)], { stdout: 'pipe', stderr: 'pipe' });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`helper ${args.join(' ')} ended with ${code}: ${err}`);
  return Object.fromEntries(
    out
      .split('\n')
      .filter(line => line !== '')
      .map(line => [line.split(' ')[0]!, Number(line.split(' ')[1])]),
  );
}

/** A line of output. Fields are read with {@link at}. */
export type Line = Readonly<Record<string, unknown>>;

/** A field of a line by its dotted path: `process.parent.pid`; numbers index lists. */
export function at(line: unknown, path: string): unknown {
  let value: unknown = line;
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

export const text = (line: Line, path: string): string | undefined => at(line, path) as string | undefined;
export const number = (line: Line, path: string): number | undefined => at(line, path) as number | undefined;
export const action = (line: Line): string => String(at(line, 'event.action'));

export interface RunOptions {
  readonly args?: readonly string[];
  /** Configuration as YAML, without state_dir. */
  readonly config?: string;
  readonly rules?: string;
  /** Runs again with what an earlier run left. */
  readonly stateDir?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Commands before the executable's name: `setpriv …`. */
  readonly wrap?: readonly string[];
  readonly stdout?: number | 'pipe';
}

const running = new Set<AgentRun>();

export class AgentRun {
  readonly child: ChildProcess;
  readonly out: string;
  readonly err: string;
  readonly stateDir: string;
  private readonly exit: Promise<number | string>;

  constructor(options: RunOptions) {
    const dir = folder();
    this.stateDir = options.stateDir ?? join(dir, 'state');
    this.out = join(dir, 'out.jsonl');
    this.err = join(dir, 'err');
    const config = join(dir, 'config.yaml');
    writeFileSync(config, `state_dir: ${this.stateDir}\n${options.config ?? ''}\n`);
    const out = options.stdout ?? openSync(this.out, 'w');
    const err = openSync(this.err, 'w');
    const command = [
      ...(options.wrap ?? []),
      BINARY,
      'run',
      '--config',
      config,
      '--rules',
      options.rules ?? RULES,
      ...(options.args ?? []),
    ];
    this.child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', out, err],
      cwd: dir,
      env: { ...process.env, ...options.env },
    });
    if (typeof out === 'number' && options.stdout === undefined) closeSync(out);
    closeSync(err);
    this.exit = new Promise(done => {
      this.child.on('exit', (code, signal) => done(signal ?? code ?? -1));
      this.child.on('error', error => done(error.message));
    });
    void this.exit.then(() => running.delete(this));
    running.add(this);
  }

  get pid(): number {
    return this.child.pid!;
  }

  lines(): Line[] {
    const whole = readFileSync(this.out, 'utf8');
    return whole
      .slice(0, whole.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as Line);
  }

  of(...actions: readonly string[]): Line[] {
    return this.lines().filter(line => actions.includes(action(line)));
  }

  alerts(): Line[] {
    return this.lines().filter(line => at(line, 'event.kind') === 'alert');
  }

  log(): string {
    return readFileSync(this.err, 'utf8');
  }

  /** Waits until `done` gives something true, at most so long; tells what the agent said where it doesn't. */
  async until<T>(what: string, done: () => T, ms = 15_000): Promise<T> {
    const end = performance.now() + ms;
    for (;;) {
      const value = done();
      if (value) return value;
      if (performance.now() > end) throw new Error(`${what}: not within ${ms} ms\n${this.log()}`);
      await Bun.sleep(25);
    }
  }

  async started(): Promise<this> {
    await this.until('start', () => existsSync(this.out) && this.of('rules_loaded').length > 0);
    return this;
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  async ended(ms = 20_000): Promise<number | string> {
    return await Promise.race([this.exit, Bun.sleep(ms).then(() => `still running after ${ms} ms\n${this.log()}`)]);
  }

  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    this.signal(name);
    return await this.ended();
  }

  rssBytes(): number {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return Number(kib) * 1024;
  }
}

/** Starts the agent and waits until it watches. */
export async function agent(options: RunOptions = {}): Promise<AgentRun> {
  return await new AgentRun(options).started();
}

/** Runs another command of the executable to its end. */
export function puppy(args: readonly string[], options: { env?: Record<string, string>; input?: string } = {}) {
  const { status, signal, stdout, stderr } = spawnSync(BINARY, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: { ...process.env, ...options.env },
    ...(options.input !== undefined && { input: options.input }),
  });
  return { code: status ?? signal, out: stdout, err: stderr };
}

export function jsonLines(out: string): Line[] {
  return out
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line);
}

export function auditctl(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('auditctl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`auditctl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

export interface AuditState {
  /** enabled, failure, pid, rate_limit, backlog_limit, backlog_wait_time. */
  readonly status: Readonly<Record<string, number>>;
  readonly rules: string;
}

const KEPT = ['enabled', 'failure', 'pid', 'rate_limit', 'backlog_limit', 'backlog_wait_time'];

export function auditStatus(): Readonly<Record<string, number>> {
  const pairs = auditctl('-s')
    .split('\n')
    .map(line => line.split(' '))
    .filter(parts => parts.length === 2);
  return Object.fromEntries(pairs.map(([name, value]) => [name!, Number(value)]));
}

export function auditState(): AuditState {
  const status = auditStatus();
  return {
    status: Object.fromEntries(KEPT.map(name => [name, status[name]!])),
    rules: auditctl('-l'),
  };
}

function restoreAudit(state: AuditState): void {
  auditctl('-D');
  for (const rule of state.rules.split('\n')) if (rule.startsWith('-')) auditctl(...rule.split(' '));
  const { failure, rate_limit, backlog_limit, backlog_wait_time, enabled } = state.status;
  auditctl('-f', String(failure), '-r', String(rate_limit), '-b', String(backlog_limit));
  auditctl('--backlog_wait_time', String(backlog_wait_time));
  auditctl('-e', String(enabled));
}

/** Rules that a test added itself, as `auditctl -l` lists them: the host's own, which the agent must leave alone. */
const ownRules: string[] = [];

/** Adds a rule of the host for the time of the test. */
export function hostRule(...args: readonly string[]): void {
  const before = new Set(auditctl('-l').split('\n'));
  auditctl(...args);
  ownRules.push(
    ...auditctl('-l')
      .split('\n')
      .filter(line => !before.has(line)),
  );
}

const sorted = (rules: string): string => rules.trim().split('\n').sort().join('\n');

function allowed(state: AuditState): AuditState {
  if (ownRules.length === 0) return state;
  const rules = [...ownRules, ...state.rules.split('\n').filter(line => line.startsWith('-'))];
  return { ...state, rules: sorted(rules.join('\n')) };
}

/**
 * Around every test of a file: the kernel must be as it was, whatever the test did; agents that it left are killed. A test that
 * checks the restoring itself compares before this does.
 */
export function guardKernel(): { before: () => AuditState } {
  let state: AuditState | undefined;
  beforeEach(() => {
    state = auditState();
    if (state.status.pid !== 0)
      throw new Error(`process ${state.status.pid} is the audit daemon: the tests need audit for themselves`);
  });
  afterEach(async () => {
    for (const run of [...running]) {
      run.child.kill('SIGKILL');
      await run.ended();
    }
    const now = auditState();
    if (Bun.deepEquals(ownRules.length > 0 ? { ...now, rules: sorted(now.rules) } : now, allowed(state!))) {
      if (ownRules.length > 0) restoreAudit(state!);
      ownRules.length = 0;
      return;
    }
    restoreAudit(state!);
    ownRules.length = 0;
    expect(now).toEqual(state!);
  });
  return { before: () => state! };
}

// The law of the process table: it never mixes two processes. A model of a host makes random schedules of fork, exec, exit and reuse of
// pids in which the true process behind every event is known; events reach the table late. The table's answer is the true process, or
// absent, or said to be unverified.

import { expect, test } from 'bun:test';
import fc from 'fast-check';
import type { HostEvent, ProcessImage } from '../../src/core/event.ts';
import type { HostObservation } from '../../src/core/observation.ts';
import { enrich } from '../../src/proc/enrich.ts';
import { type HostFacts, noFacts } from '../../src/proc/facts.ts';
import { ProcessTable } from '../../src/proc/table.ts';
import { exec, FakeHost, nextStamp, task } from './host-model.ts';

/**
 * What the table relies on: no pid comes round this soon after its owner's first event (it was given out before that, and a process that
 * is seen for the first time long after its fork, and ends soon after, is the exception that the table can't know), …
 */
const WRAP_MS = 3_400;
/** … or this soon after its owner's end. */
const FREE_MS = 1_300;
const PIDS = [11, 12, 13, 14, 15, 16];
const EXES = ['/bin/sh', '/bin/sh', '/usr/bin/a', '/usr/bin/b'];

interface TrueProcess {
  readonly pid: number;
  readonly startTicks: number;
  readonly bornMs: number;
  firstEventMs: number | undefined;
  parent: TrueProcess | undefined;
  exe: string;
  args: readonly string[];
  /** Everyone it descends from, and who adopted them. */
  readonly lineage: Set<TrueProcess>;
  /** Each argument list that it ran with. */
  readonly ran: Set<string>;
  alive: boolean;
}

interface Seen {
  readonly observation: HostObservation;
  readonly process: TrueProcess;
  readonly parent: TrueProcess | undefined;
}

class World {
  readonly host = new FakeHost();
  readonly live: TrueProcess[] = [];
  readonly #ends = new Map<number, { bornMs: number; endedMs: number }>();
  readonly #byStamp = new Map<string, TrueProcess>();
  readonly #byStart = new Map<string, TrueProcess>();
  readonly queue: Seen[] = [];
  readonly #init: TrueProcess;
  #token = 0;

  constructor() {
    this.#init = this.#born(1, undefined, '/sbin/init', ['/sbin/init']);
  }

  advance(ms: number): void {
    this.host.nowMs += ms;
  }

  #born(pid: number, parent: TrueProcess | undefined, exe: string, args: readonly string[]): TrueProcess {
    const startTicks = this.host.ticksAt(this.host.nowMs);
    const process: TrueProcess = {
      pid,
      startTicks,
      bornMs: this.host.nowMs,
      firstEventMs: undefined,
      parent,
      exe,
      args,
      lineage: new Set(parent === undefined ? [] : [parent, ...parent.lineage]),
      ran: new Set(parent?.ran ?? [args.join(' ')]),
      alive: true,
    };
    this.live.push(process);
    this.#byStart.set(`${pid}/${startTicks}`, process);
    this.host.start({ pid, ppid: parent?.pid ?? 0, startTicks, exe, args });
    return process;
  }

  pick(n: number): TrueProcess {
    return this.live[n % this.live.length]!;
  }

  fork(n: number): void {
    const parent = this.pick(n);
    const { nowMs } = this.host;
    const pid = PIDS.find(candidate => {
      const end = this.#ends.get(candidate);
      if (this.live.some(p => p.pid === candidate)) return false;
      return end === undefined || (nowMs - end.bornMs >= WRAP_MS && nowMs - end.endedMs >= FREE_MS);
    });
    if (pid !== undefined) this.#born(pid, parent, parent.exe, parent.args);
  }

  exec(n: number, exeIndex: number): void {
    const process = this.pick(n);
    if (process === this.#init) return;
    process.exe = EXES[exeIndex % EXES.length]!;
    process.args = [process.exe, `${++this.#token}`];
    process.ran.add(process.args.join(' '));
    const fake = this.host.processes.get(process.pid)!;
    fake.exe = process.exe;
    fake.args = process.args;
    const observation = exec(this.host.nowMs, process.pid, process.parent?.pid ?? 0, process.exe, {
      args: process.args,
    });
    this.#seen(observation, process);
  }

  connect(n: number, exit: boolean): void {
    const process = this.pick(n);
    if (process === this.#init) return;
    const { nowMs } = this.host;
    this.#seen(
      {
        kind: exit ? 'exit' : 'connect',
        module: 'audit',
        timeMs: nowMs,
        createdMs: nowMs,
        stamp: nextStamp(nowMs),
        ordinal: 0,
        warnings: [],
        task: task(process.pid, process.parent?.pid ?? 0, process.exe),
      },
      process,
    );
  }

  /** Changes a file: who that was is read at once, or it's gone by then and the pid is all that is told. */
  write(n: number, gone: boolean): void {
    const process = this.pick(n);
    if (process === this.#init) return;
    const { nowMs } = this.host;
    const facts = task(process.pid, process.parent?.pid ?? 0, process.exe);
    const observation: HostObservation = {
      kind: 'created',
      module: 'fsnotify',
      timeMs: nowMs,
      createdMs: nowMs,
      stamp: nextStamp(nowMs),
      ordinal: 0,
      warnings: [],
      file: { path: '/f' },
      teller: 'fanotify',
      task: gone ? { pid: process.pid } : facts,
      ...(!gone && { startTicks: process.startTicks }),
    };
    if (gone) this.exit(n, false);
    this.#seen(observation, process);
  }

  exit(n: number, told: boolean): void {
    const process = this.pick(n);
    if (process === this.#init) return;
    if (told) this.connect(n, true);
    process.alive = false;
    this.live.splice(this.live.indexOf(process), 1);
    this.#ends.set(process.pid, { bornMs: process.firstEventMs ?? process.bornMs, endedMs: this.host.nowMs });
    this.host.processes.delete(process.pid);
    for (const child of this.live) {
      if (child.parent !== process) continue;
      child.parent = this.#init;
      child.lineage.add(this.#init);
      this.host.processes.get(child.pid)!.ppid = 1;
    }
  }

  #seen(observation: HostObservation, process: TrueProcess): void {
    process.firstEventMs ??= observation.timeMs;
    this.#byStamp.set(`${process.pid}:${observation.stamp}`, process);
    this.queue.push({ observation, process, parent: process.parent });
  }

  /** The process that an entity seed names. */
  trueOf(image: ProcessImage): TrueProcess | undefined {
    const [pid, start] = image.entitySeed.split('@');
    if (start === undefined) return this.#byStamp.get(image.entitySeed);
    return this.#byStart.get(`${pid}/${start.split('/')[1]}`);
  }
}

function checkEvent(world: World, seen: Seen, event: HostEvent): { parent: boolean } {
  const { process } = event;
  if (process === undefined) throw new Error('every event here has a process');
  if (!event.warnings.includes('process_unverified')) expect(world.trueOf(process.image)).toBe(seen.process);
  expect(process.image.pid).toBe(seen.process.pid);
  const [parent] = process.ancestors;
  if (event.warnings.some(code => code.endsWith('_unverified'))) return { parent: false };
  if (event.kind === 'exec') {
    expect(process.image.args).toEqual((seen.observation as { args: readonly string[] }).args);
    if (parent !== undefined) expect(world.trueOf(parent)).toBe(seen.parent);
  } else if (process.image.args !== undefined && process.image.origin !== 'cache') {
    // (A fork that is known only by its parent's executable may have been made before the parent's last exec of the same.)
    expect(seen.process.ran.has(process.image.args.join(' '))).toBe(true);
  }
  return { parent: parent !== undefined };
}

/** An unverified ancestor stays one for the descendants; all others are true ones. */
function checkLineage(world: World, seen: Seen, event: HostEvent, suspects: Set<string>): void {
  const { process } = event;
  if (process === undefined) return;
  const unverified = event.warnings.some(code => code.endsWith('_unverified'));
  if (unverified) {
    suspects.add(process.image.entitySeed);
    for (const ancestor of process.ancestors) suspects.add(ancestor.entitySeed);
    return;
  }
  if ([process.image, ...process.ancestors].some(image => suspects.has(image.entitySeed))) return;
  for (const ancestor of process.ancestors) {
    const truth = world.trueOf(ancestor);
    expect(truth === undefined ? undefined : seen.process.lineage.has(truth)).toBe(true);
    if (ancestor.args !== undefined && ancestor.origin !== 'cache')
      expect(truth?.ran.has(ancestor.args.join(' '))).toBe(true);
  }
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('fork' as const), n: fc.nat(50), m: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('exec' as const), n: fc.nat(50), m: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('connect' as const), n: fc.nat(50), m: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('write' as const), n: fc.nat(50), m: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('exit' as const), n: fc.nat(50), m: fc.nat(9) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      n: fc.constantFrom(0, 3, 40, 700, 1_500, 4_000, 40_000),
      m: fc.nat(9),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), n: fc.nat(50), m: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tick' as const), n: fc.nat(50), m: fc.nat(9) }) },
);

function run(steps: readonly { do: string; n: number; m: number }[], factsOf: (world: World) => HostFacts): number {
  const world = new World();
  const table = new ProcessTable(factsOf(world));
  const suspects = new Set<string>();
  let parents = 0;
  table.seed(world.host.nowMs);
  const read = (): void => {
    for (const seen of world.queue.splice(0)) {
      const event = enrich(seen.observation, table);
      if (checkEvent(world, seen, event).parent) parents++;
      checkLineage(world, seen, event, suspects);
    }
  };
  for (const { do: what, n, m } of steps) {
    if (what === 'fork') world.fork(n);
    else if (what === 'exec') world.exec(n, m);
    else if (what === 'connect') world.connect(n, false);
    else if (what === 'write') world.write(n, m < 3);
    else if (what === 'exit') world.exit(n, m < 3);
    else if (what === 'wait') world.advance(n);
    else if (what === 'read') read();
    else table.tick(world.host.nowMs);
  }
  read();
  return parents;
}

test('never mixes two processes, with /proc', () => {
  let parents = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), steps => {
      parents += run(steps, world => world.host.facts());
    }),
    { numRuns: 600 },
  );
  expect(parents).toBeGreaterThan(1_000);
});

test('never mixes two processes, without (a bare log)', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), steps => {
      run(steps, () => noFacts);
    }),
    { numRuns: 400 },
  );
});

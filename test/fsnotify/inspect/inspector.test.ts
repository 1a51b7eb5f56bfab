// The inspector with workers that do what the test says.

import { describe, expect, test } from 'bun:test';
import type { Helper, HelperSinks, StartHelper } from '../../../src/fsnotify/inspect/helper.ts';
import {
  type Found,
  Inspector,
  type InspectorOptions,
  type InspectRequest,
} from '../../../src/fsnotify/inspect/inspector.ts';
import { Pace } from '../../../src/fsnotify/inspect/pace.ts';
import type { Batch, Finding } from '../../../src/fsnotify/inspect/protocol.ts';

class FakeWorker implements Helper {
  readonly batches: Batch[] = [];
  position = 0;
  ended = false;
  state: ReturnType<Helper['seen']>;
  readonly sinks: HelperSinks;

  constructor(sinks: HelperSinks) {
    this.sinks = sinks;
  }
  send(batch: Batch): void {
    this.batches.push(batch);
  }
  at(): number {
    return this.position;
  }
  seen(): ReturnType<Helper['seen']> {
    return this.state;
  }
  end(): void {
    this.ended = true;
  }
  get paths(): string[][] {
    return this.batches.map(({ jobs }) => jobs.map(({ path }) => path));
  }
  /** Answers the first `count` of its last batch, all unless told. */
  answer(finding: Finding = { warnings: [] }, count = Infinity, bytes = 0): void {
    const jobs = this.batches.at(-1)!.jobs.slice(0, count);
    this.sinks.answer({ findings: jobs.map(() => finding), bytes });
  }
  /** Gets stuck, or fails, at a job of its last batch. */
  reach(index: number): void {
    this.position = this.batches.at(-1)!.first + index;
  }
}

function rig(options: Partial<InspectorOptions> = {}) {
  const workers: FakeWorker[] = [];
  const notes: string[] = [];
  const found: [string, Found][] = [];
  const start: StartHelper = (_, sinks) => {
    const worker = new FakeWorker(sinks);
    workers.push(worker);
    return worker;
  };
  const inspector = new Inspector(
    { hashes: ['sha256'], hashMaxBytes: 1e6, ...options },
    note => notes.push(note.code),
    start,
  );
  const ask = (path: string, request: Partial<InspectRequest> = {}): void =>
    inspector.inspect({ path, priority: 'event', ...request }, one => found.push([path, one]));
  return { inspector, workers, notes, found, ask };
}

const file = (inode: string): Finding => ({
  state: { type: 'file', inode, hashes: { sha256: 'aa' } },
  dev: 'fe:00',
  content: new Uint8Array([1, 2]),
  warnings: [],
});
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await Bun.sleep(5);
};

describe('batches', () => {
  test('gather what comes while the worker is at work; what it left comes first again', () => {
    const { workers, found, ask } = rig();
    for (const path of ['a', 'b', 'c', 'd']) ask(path);
    const worker = workers[0]!;
    expect(worker.paths).toEqual([['a']]);
    worker.answer();
    expect(worker.paths[1]).toEqual(['b', 'c', 'd']);
    worker.answer(undefined, 1);
    ask('e');
    expect(worker.paths[2]).toEqual(['c', 'd']);
    worker.answer();
    worker.answer();
    expect(found.map(([path]) => path)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(workers.length).toBe(1);
  });

  test('a path that waits is looked at once for all; one that is being looked at, again', () => {
    const { inspector, workers, found, ask } = rig();
    ask('first');
    ask('first', { inode: '7' });
    ask('x', { inode: '7', contentMaxBytes: 1 });
    ask('x', { inode: '8', contentMaxBytes: 2, hashes: ['md5'] });
    workers[0]!.answer(file('7'));
    expect(workers[0]!.batches[1]!.jobs).toEqual([
      { path: 'first', expected: [{ inode: '7' }] },
      { path: 'x', expected: [{ inode: '7' }, { inode: '8' }], hashes: ['md5'], contentMaxBytes: 2 },
    ] as never);
    workers[0]!.answer(file('8'));
    const replaced = { state: { type: 'file', inode: '8' }, warnings: ['replaced'] };
    const { dev: _, ...whole } = file('8');
    expect(found.slice(1)).toEqual([
      ['first', replaced],
      ['x', replaced],
      ['x', whole],
    ] as never);
    expect(inspector.counters()).toMatchObject({ asked: 4, merged: 1, looked: 3, replaced: 2, waiting: 0 });
  });

  test('events go before the background, and take what it waits for with them', () => {
    const { workers, found, ask } = rig();
    ask('start');
    for (const path of ['b1', 'b2', 'b3']) ask(path, { priority: 'background' });
    for (const path of ['e1', 'b2']) ask(path);
    workers[0]!.answer();
    workers[0]!.answer();
    workers[0]!.answer();
    expect(workers[0]!.paths).toEqual([['start'], ['e1', 'b2'], ['b1', 'b3']]);
    expect(found.map(([path]) => path)).toEqual(['start', 'e1', 'b2', 'b2', 'b1', 'b3']);
  });

  test('the queue has a bound; what is beyond is told at once', () => {
    const { inspector, workers, found, ask } = rig({ queueMax: 2 });
    for (const path of ['a', '/etc', '/etc', '/etc/passwd']) ask(path);
    expect(found).toMatchObject([['/etc/passwd', { state: { type: 'file' }, warnings: ['not_hashed_queue'] }]]);
    ask('bg', { priority: 'background' });
    expect(inspector.counters()).toMatchObject({ refused: 1, waiting: 4 });
    workers[0]!.answer();
    inspector.stop();
    expect(found.slice(2).map(([path, one]) => [path, one.warnings])).toEqual([
      ['/etc', ['not_hashed_stopping']],
      ['/etc', ['not_hashed_stopping']],
      ['bg', ['not_hashed_stopping']],
    ]);
    ask('late');
    expect(found.at(-1)![1].warnings).toEqual(['not_hashed_stopping']);
    expect(workers[0]!.ended).toBe(true);
  });

  test('the background reads no faster than it may', async () => {
    const { inspector, workers, ask } = rig({ bytesPerSecond: 100_000 });
    ask('a', { priority: 'background' });
    expect(workers[0]!.batches[0]!.budgetBytes).toBe(25_000);
    ask('b', { priority: 'background' });
    workers[0]!.answer(undefined, 1, 28_000);
    expect(workers[0]!.batches.length).toBe(1);
    ask('event');
    workers[0]!.answer();
    expect(workers[0]!.paths.at(-1)).toEqual(['event']);
    await until(() => workers[0]!.batches.length === 3);
    inspector.stop();
  });
});

test('a bucket fills with time, and pays debts first', () => {
  const pace = new Pace(1_000);
  expect(pace.available(0)).toBe(250);
  pace.spend(450);
  expect(pace.available(0)).toBe(-200);
  expect(pace.waitMs).toBe(225);
  expect(pace.available(225)).toBe(25);
  expect(pace.available(100_000)).toBe(250);
  expect(pace.available(50)).toBe(250);
});

describe('a worker that hangs', () => {
  const seen = { state: { type: 'file', inode: '9' }, dev: '00:2a' } as const;

  test('is left behind with its file; the rest goes on with another', async () => {
    const { inspector, workers, found, notes, ask } = rig({ timeoutMs: 20 });
    ask('start');
    for (const path of ['a', 'hangs', 'c']) ask(path);
    workers[0]!.answer();
    workers[0]!.reach(1);
    workers[0]!.state = seen;
    await until(() => workers.length === 2);
    expect(found.slice(1)).toEqual([['hangs', { state: seen.state, warnings: ['hash_timeout'] }]]);
    expect(workers[1]!.paths).toEqual([['a', 'c']]);
    expect(inspector.counters()).toMatchObject({ timeouts: 1, workersStuck: 1, workersStarted: 2, waiting: 2 });
    // Its file system isn't tried again meanwhile.
    ask('d', { inode: '1', dev: '00:2a' });
    expect(found.at(-1)).toEqual(['d', { warnings: ['hash_timeout'] }]);
    workers[0]!.answer();
    expect(workers[0]!.ended).toBe(true);
    ask('d', { inode: '1', dev: '00:2a' });
    workers[1]!.answer();
    workers[1]!.answer();
    expect(found.slice(3)).toEqual(['a', 'c', 'd'].map(path => [path, { warnings: [] }]));
    expect(notes).toEqual(['fs_stuck', 'fs_stuck_end']);
    inspector.stop();
  });

  test('two of them: everybody is answered at once, until one is back', async () => {
    const { inspector, workers, found, ask } = rig({ timeoutMs: 20 });
    for (const path of ['a', 'b', 'c']) ask(path);
    workers[0]!.reach(0);
    await until(() => workers.length === 2);
    workers[1]!.reach(0);
    await until(() => inspector.counters().workersStuck === 2);
    ask('d');
    expect(found.map(([path, one]) => [path, one.warnings])).toEqual(
      ['a', 'c', 'b', 'd'].map(path => [path, ['hash_timeout']]),
    );
    expect(inspector.counters()).toMatchObject({ workersStarted: 2, waiting: 0 });
    workers[1]!.sinks.gone('it ended');
    ask('e');
    expect(workers[2]!.paths).toEqual([['e']]);
    inspector.stop();
    expect(workers.map(({ ended }) => ended)).toEqual([true, true, true]);
  });

  test('one that is slow, or that waits for the main thread, is none', async () => {
    const { inspector, workers, ask } = rig({ timeoutMs: 20 });
    ask('start');
    for (let i = 0; i < 20; i++) ask(`f${i}`);
    workers[0]!.answer();
    for (let i = 0; i < 20; i++) {
      workers[0]!.reach(i);
      await Bun.sleep(25);
    }
    workers[0]!.position = 0;
    await Bun.sleep(400);
    expect(workers.length).toBe(1);
    inspector.stop();
  });
});

describe('a worker that fails', () => {
  test('loses one file; the third time in a row it is left alone for a while', () => {
    const { inspector, workers, found, notes, ask } = rig();
    ask('start');
    for (const path of ['a', 'bad', 'c']) ask(path);
    workers[0]!.answer();
    workers[0]!.reach(1);
    workers[0]!.sinks.gone('boom');
    expect(found.at(-1)).toEqual(['bad', { warnings: ['hash_failed'] }]);
    expect(workers[1]!.paths).toEqual([['a', 'c']]);
    workers[1]!.sinks.gone('boom');
    workers[2]!.sinks.gone('boom');
    ask('/etc');
    expect(found.slice(2).map(([path, one]) => [path, one.warnings])).toEqual(
      ['a', 'c', '/etc'].map(path => [path, ['hash_failed']]),
    );
    expect(found.at(-1)![1].state?.type).toBe('dir');
    expect(inspector.counters()).toMatchObject({ workersStarted: 3, workersCrashed: 3, failed: 4, waiting: 0 });
    expect(notes).toEqual(['fs_worker_failed', 'fs_worker_failed', 'fs_worker_failed']);
    inspector.stop();
  });
});

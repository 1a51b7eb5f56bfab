import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSink } from '../../src/output/file.ts';
import { type Channel, type Dropped, Sink } from '../../src/output/sink.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'puppy-sink-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Takes at most `step` bytes a call, and throws what `fail` says. */
class FakeChannel implements Channel {
  readonly parts: Buffer[] = [];
  step = Number.POSITIVE_INFINITY;
  fail: (() => Error | undefined) | undefined;
  write(buffer: Buffer, offset: number): number {
    const error = this.fail?.();
    if (error !== undefined) throw error;
    const count = Math.min(this.step, buffer.length - offset);
    this.parts.push(Buffer.from(buffer.subarray(offset, offset + count)));
    return count;
  }
  get text(): string {
    return Buffer.concat(this.parts).toString('utf8');
  }
  roomBytes(): number {
    return Number.POSITIVE_INFINITY;
  }
  reopen(): void {}
  close(): void {}
}

describe('a sink', () => {
  test('writes every line once, in order, whatever the channel takes at a time', async () => {
    const channel = new FakeChannel();
    channel.step = 7;
    let turn = 0;
    channel.fail = () => (turn++ % 3 === 0 ? failure('EAGAIN') : undefined);
    const sink = new Sink('fake', channel);
    const lines = Array.from({ length: 100 }, (_, i) => `line ${i} ü`);
    for (const line of lines) sink.write(line);
    expect(await sink.close(5_000)).toBe(true);
    expect(channel.text).toBe(`${lines.join('\n')}\n`);
    expect(sink.counters).toEqual({
      written: 100,
      bytes: Buffer.byteLength(channel.text),
      dropped: 0,
      errors: 0,
      heldBack: 0,
    });
  });

  test('refuses the newest when full, counts, tells once there is room, and keeps a reserve for the agent itself', async () => {
    const channel = new FakeChannel();
    channel.fail = () => failure('EAGAIN');
    const dropped: Dropped[] = [];
    const sink = new Sink('fake', channel, {
      queueBytes: 1_000,
      onDropped: drop => dropped.push(drop),
      nowMs: () => 5,
    });
    for (let i = 0; i < 50; i++) sink.write('x'.repeat(99));
    expect(sink.counters.dropped).toBe(40);
    sink.write('the loss', true);
    expect(sink.counters.dropped).toBe(40);
    expect(dropped).toEqual([]);
    channel.fail = undefined;
    expect(await sink.flush(2_000)).toBe(true);
    expect(dropped).toEqual([{ sink: 'fake', lines: 40, bytes: 4_000, fromMs: 5, toMs: 5 }]);
    expect(channel.text.split('\n')).toHaveLength(12);
    expect(sink.counters.written).toBe(11);
  });

  test('goes on trying after an error, and tells the first failure and the recovery', async () => {
    const channel = new FakeChannel();
    channel.fail = () => failure('ENOSPC');
    const told: string[] = [];
    const sink = new Sink('fake', channel, {
      onProblem: (name, error) => told.push(`${name} ${error.message}`),
      onRecovered: name => told.push(`${name} again`),
    });
    sink.write('a');
    sink.pump();
    expect(sink.state).toBe('retrying');
    await Bun.sleep(250);
    channel.fail = undefined;
    expect(await sink.flush(2_000)).toBe(true);
    expect(sink.state).toBe('open');
    expect(told).toEqual(['fake ENOSPC', 'fake again']);
    expect(sink.counters.errors).toBeGreaterThan(1);
    expect(channel.text).toBe('a\n');
  });

  test('a reader that went away closes it; what is left counts as dropped', () => {
    const channel = new FakeChannel();
    channel.fail = () => failure('EPIPE');
    let closed = 0;
    const dropped: Dropped[] = [];
    const sink = new Sink('fake', channel, { onClosed: () => closed++, onDropped: drop => dropped.push(drop) });
    sink.write('a');
    sink.write('b');
    sink.pump();
    sink.write('c');
    expect([sink.state, closed, sink.counters.dropped, sink.pendingBytes]).toEqual(['closed', 1, 3, 0]);
    expect(dropped[0]?.lines).toBe(2);
  });

  test('flush gives up at its deadline and close counts what is left', async () => {
    const channel = new FakeChannel();
    channel.step = 3;
    let calls = 0;
    channel.fail = () => (calls++ < 2 ? undefined : failure('EAGAIN'));
    const sink = new Sink('fake', channel);
    for (const line of ['ab', 'cd', 'ef']) sink.write(line);
    const before = performance.now();
    expect(await sink.close(60)).toBe(false);
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(sink.counters).toMatchObject({ written: 2, dropped: 1 });
  });
});

describe('a file', () => {
  const path = (): string => join(dir, 'out.jsonl');

  test('is made with mode 0640 and appended to', async () => {
    for (const line of ['one', 'two']) {
      const sink = fileSink({ path: path() });
      sink.write(line);
      expect(await sink.close(1_000)).toBe(true);
    }
    expect(readFileSync(path(), 'utf8')).toBe('one\ntwo\n');
    expect(statSync(path()).mode & 0o777).toBe(0o640);
  });

  test('ends a line that a crash left half written', async () => {
    writeFileSync(path(), '{"a":1}\n{"b":');
    const sink = fileSink({ path: path() });
    sink.write('{"c":3}');
    await sink.close(1_000);
    expect(readFileSync(path(), 'utf8')).toBe('{"a":1}\n{"b":\n{"c":3}\n');
  });

  test('rotates by size, between lines, and keeps as many as asked', async () => {
    const sink = fileSink({ path: path(), maxSizeBytes: 1_000, keep: 2 });
    for (let i = 0; i < 500; i++) {
      sink.write(`line ${String(i).padStart(4, '0')}`);
      if (i % 7 === 0) sink.pump();
    }
    await sink.close(1_000);
    const files = [`${path()}.2`, `${path()}.1`, path()];
    expect(existsSync(`${path()}.3`)).toBe(false);
    let text = '';
    for (const file of files) {
      expect(statSync(file).size).toBeLessThanOrEqual(1_000);
      expect(statSync(file).mode & 0o777).toBe(0o640);
      text += readFileSync(file, 'utf8');
    }
    const numbers = text
      .trimEnd()
      .split('\n')
      .map(line => Number(line.slice(5)));
    expect(numbers.at(-1)).toBe(499);
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
    expect(numbers.length).toBeGreaterThan(200);
  });

  test('rotates by age', async () => {
    let now = 1_000_000;
    const sink = fileSink({ path: path(), maxAgeMs: 60_000 }, { nowMs: () => now });
    sink.write('old');
    sink.pump();
    now += 61_000;
    sink.write('new');
    await sink.close(1_000);
    expect(readFileSync(`${path()}.1`, 'utf8')).toBe('old\n');
    expect(readFileSync(path(), 'utf8')).toBe('new\n');
  });

  test('a rotation that fails is told, and writing goes on in the same file', async () => {
    mkdirSync(`${path()}.1`);
    writeFileSync(join(`${path()}.1`, 'x'), '');
    const warnings: string[] = [];
    const sink = fileSink({ path: path(), maxSizeBytes: 10, keep: 1, onWarning: text => warnings.push(text) });
    for (const line of ['aaaaaaaa', 'bbbbbbbb', 'cccccccc']) sink.write(line);
    await sink.close(1_000);
    expect(readFileSync(path(), 'utf8')).toBe('aaaaaaaa\nbbbbbbbb\ncccccccc\n');
    expect(warnings).toHaveLength(1);
  });

  test('is opened anew after another program moved it', async () => {
    const sink = fileSink({ path: path() });
    sink.write('before');
    sink.pump();
    renameSync(path(), join(dir, 'moved'));
    sink.reopen();
    sink.write('after');
    await sink.close(1_000);
    expect(readFileSync(join(dir, 'moved'), 'utf8')).toBe('before\n');
    expect(readFileSync(path(), 'utf8')).toBe('after\n');
  });

  test('that vanished is noticed within seconds also without a signal', async () => {
    let now = 0;
    const sink = fileSink({ path: path() }, { nowMs: () => now });
    sink.write('before');
    sink.pump();
    rmSync(path());
    now += 6_000;
    sink.write('after');
    await sink.close(1_000);
    expect(readFileSync(path(), 'utf8')).toBe('after\n');
  });

  test('refuses a symlink, a foreign file and a hard link where everybody can write', () => {
    chmodSync(dir, 0o1777);
    const victim = join(dir, 'victim');
    writeFileSync(victim, '');
    symlinkSync(victim, path());
    expect(() => fileSink({ path: path() })).toThrow('symbolic link');
    mkdirSync(join(dir, 'real'));
    symlinkSync(join(dir, 'real'), join(dir, 'link'));
    const sink = fileSink({ path: join(dir, 'link', 'x') }); // our own link to a directory is ours to follow
    sink.close(0);
    chmodSync(dir, 0o755);
    expect(() => fileSink({ path: path() }).close(0)).not.toThrow(); // nobody else could have made it
  });

  test('refuses what is no regular file, and says why a path cannot be opened', () => {
    expect(() => fileSink({ path: '/dev/null' })).toThrow('not a regular file');
    expect(() => fileSink({ path: join(dir, 'none', 'x') })).toThrow('ENOENT');
  });
});

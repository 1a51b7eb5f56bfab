import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { LineSplitter } from '../../src/logs/splitter.ts';
import { FileTail } from '../../src/logs/tail.ts';

const BUDGET = 1 << 20;
let folder: string;
let path: string;
let lines: string[];
let problems: string[];
let skipped: { lines: number; upperBound: boolean }[];
let tail: FileTail;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'puppy-tail-'));
  path = join(folder, 'log');
  lines = [];
  problems = [];
  skipped = [];
  tail = new FileTail(path, 64, {
    line: (bytes, truncated) => lines.push(bytes.toString() + (truncated ? '~' : '')),
    skipped: one => skipped.push(one),
    problem: message => problems.push(message),
  });
});
afterEach(() => {
  tail.stop();
  rmSync(folder, { recursive: true, force: true });
});

const append = (text: string): void => appendFileSync(path, text);
function poll(nowMs = 0): string[] {
  lines = [];
  tail.poll(nowMs, BUDGET);
  return lines;
}

describe('a log file', () => {
  beforeEach(() => {
    append('old\n');
    tail.start();
  });

  test('is read from its end, line by line', () => {
    expect(poll()).toEqual([]);
    append('a\nb\nhal');
    expect(poll()).toEqual(['a', 'b']);
    append('f\n\n');
    expect(poll()).toEqual(['half', '']);
  });

  test('renamed and made anew: nothing is lost, not even what the writer adds to the old one', () => {
    append('a\n');
    renameSync(path, `${path}.1`);
    expect(poll()).toEqual(['a']);
    appendFileSync(`${path}.1`, 'late\n');
    append('new\n');
    expect(poll(100)).toEqual(['late']);
    expect(poll(200)).toEqual(['new']);
    appendFileSync(`${path}.1`, 'later\nlast');
    append('newer\n');
    expect(poll(300).sort()).toEqual(['later', 'newer']);
    // The old one is left in the end; what it ends with is a line.
    expect(poll(60_000)).toEqual(['last']);
    appendFileSync(`${path}.1`, 'too late\n');
    expect(poll(60_100)).toEqual([]);
  });

  test('renamed, made anew and packed', () => {
    append('a\n');
    renameSync(path, `${path}.1`);
    append('b\n');
    execFileSync('gzip', [`${path}.1`]);
    expect(poll()).toEqual(['a']);
    expect(poll()).toEqual(['b']);
  });

  test('copied and truncated', () => {
    append('a\n');
    expect(poll()).toEqual(['a']);
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
    expect(poll()).toEqual([]);
    expect(problems).toEqual([`${path} was truncated: what came just before may not have been read`]);
    append('b\n');
    expect(poll()).toEqual(['b']);
  });

  test('deleted, and there again later', () => {
    append('a\n');
    unlinkSync(path);
    expect(poll()).toEqual(['a']);
    expect(poll()).toEqual([]);
    append('b\n');
    expect(poll()).toEqual([]);
    expect(poll()).toEqual(['b']);
  });

  test('a long line is cut, and its tail is no line of its own', () => {
    append(`${'x'.repeat(200)}Nov 24 07:40:13 web1 sshd[1]: fake`);
    expect(poll()).toEqual([]);
    append(' more\nnext\n');
    expect(poll()).toEqual([`${'x'.repeat(64)}~`, 'next']);
  });

  test('too far behind, the oldest is skipped and counted', () => {
    const line = `${'y'.repeat(59)}\n`;
    append(line.repeat((17 << 20) / line.length));
    expect(poll().every(one => one === line.trim())).toBe(true);
    expect(skipped.length).toBe(1);
    expect(skipped[0]!.upperBound).toBe(false);
    expect(skipped[0]!.lines + lines.length).toBe(Math.floor((17 << 20) / line.length));
  });

  test('a budget leaves the rest for later', () => {
    append('a\n'.repeat(1000));
    lines = [];
    tail.poll(0, 100);
    expect(lines.length).toBe(50);
    expect(poll().length).toBe(950);
  });
});

describe('what is no log file', () => {
  test('not there yet: read from its beginning', () => {
    tail.start();
    expect(poll()).toEqual([]);
    append('first\n');
    expect(poll()).toEqual(['first']);
    expect(problems).toEqual([]);
  });
  test('a folder or a pipe is told once, and nothing waits', () => {
    mkdirSync(path);
    tail.start();
    poll();
    poll();
    expect(problems).toEqual([`${path} can't be read: not a regular file`]);
    rmSync(path, { recursive: true });
    execFileSync('mkfifo', [path]);
    poll();
    expect(problems.length).toBe(1);
    unlinkSync(path);
    writeFileSync(path, 'a\n');
    expect(poll()).toEqual(['a']);
  });
});

test('lines are the same however the bytes come, and never longer than the bound', () => {
  const split = (pieces: readonly string[]): string[] => {
    const out: string[] = [];
    const splitter = new LineSplitter(8);
    const onLine = (bytes: Buffer, truncated: boolean) =>
      out.push(`${bytes.toString('latin1')}${truncated ? '~' : ''}`);
    for (const piece of pieces) splitter.push(Buffer.from(piece, 'latin1'), onLine);
    splitter.end(onLine);
    return out;
  };
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 30 });
  fc.assert(
    fc.property(fc.array(piece), pieces => {
      const whole = pieces.join('');
      const expected = whole.split('\n').map(line => (line.length > 8 ? `${line.slice(0, 8)}~` : line));
      if (expected.at(-1) === '') expected.pop();
      expect(split(pieces)).toEqual(expected);
      expect(split([...whole])).toEqual(expected);
    }),
  );
});

// Executions, exactly: odd names, argument lists of any size, scripts by every way to start one, failed ones.

import { beforeAll, describe, expect, test } from 'bun:test';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AgentRun,
  agent,
  at,
  folder,
  guardKernel,
  helper,
  jsonLines,
  type Line,
  number,
  scenario,
  text,
} from './agent.ts';

guardKernel();

const KIB = 1024;
const ARGV_MAX_BYTES = 256 * KIB;
const LINE_MAX_BYTES = 30_000;

/** Runs `work` under an agent; its exec lines when everything has come. */
async function watched(work: () => Promise<void> | void, args: readonly string[] = ['--events']): Promise<AgentRun> {
  const run = await agent({ args });
  await work();
  // The agent's last batch is at most its coalescing time away; the marker comes after all that the test did.
  execFileSync('/bin/true', ['the-marker']);
  await run.until('the marker', () => run.of('exec').some(line => at(line, 'process.args.1') === 'the-marker'));
  expect(await run.stop()).toBe(0);
  return run;
}

describe('names', () => {
  const dir = folder();
  // Latin-1 é and a lone continuation byte: no UTF-8.
  const names: readonly (readonly [Buffer, string])[] = [
    [Buffer.from('a+b'), 'a+b'],
    [Buffer.from('with space'), 'with space'],
    [Buffer.from('quo"te'), 'quo"te'],
    [Buffer.from('new\nline'), 'new\nline'],
    [Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x80]), 'caf\\xe9\\x80'],
    [Buffer.from('back\\xe9slash'), 'back\\x5cxe9slash'],
    [Buffer.from('ünïcode'), 'ünïcode'],
  ];
  let lines: Line[] = [];

  beforeAll(async () => {
    for (const [name] of names) copyFileSync(helper(), Buffer.concat([Buffer.from(`${dir}/`), name]));
    const run = await watched(() => {
      // Names that aren't UTF-8 can't be arguments of a JavaScript process: a shell expands them.
      const result = spawnSync('/bin/sh', ['-c', 'for f in *; do "./$f" "$f"; done'], { cwd: dir });
      expect(result.status).toBe(0);
    });
    lines = run.of('exec').filter(line => text(line, 'process.working_directory') === dir);
  }, 30_000);

  for (const [, shown] of names) {
    test(JSON.stringify(shown), () => {
      const line = lines.find(l => text(l, 'process.executable') === `${dir}/${shown}`);
      expect(line).toBeDefined();
      expect(at(line, 'process.name')).toBe(shown);
      expect(at(line, 'process.args')).toEqual([`./${shown}`, shown]);
      expect(at(line, 'process.command_line')).toBe(`./${shown} ${shown}`);
      expect(at(line, 'puppy.process.invoked.0')).toBe(`${dir}/${shown}`);
    });
  }
});

describe('argument lists', () => {
  let run: AgentRun;
  let path = '';
  const file = join(folder(), 'long.jsonl');
  let long: Line[] = [];
  const bytes = (line: Line): number => Buffer.byteLength(JSON.stringify(line));
  const withCount = (count: number): Line[] =>
    run.of('exec').filter(line => number(line, 'process.args_count') === count);

  beforeAll(async () => {
    path = helper();
    run = await watched(async () => {
      await scenario('args', path, 70_000, 3);
      await scenario('args', path, 70_001, 0);
      await scenario('args', path, 1, 131_000);
      await scenario('args', path, 15, 131_000);
      await scenario('args', path, 9, 20);
      await scenario('null', path);
      await scenario('exact', path, ARGV_MAX_BYTES);
      await scenario('exact', path, ARGV_MAX_BYTES + 1);
    }, ['--events', '--output', `file:${file}?max_line=64MiB&kind=event`, '--output', 'stdout']);
    long = jsonLines(readFileSync(file, 'utf8')).filter(line => at(line, 'event.action') === 'exec');
    for (const line of readFileSync(run.out, 'utf8').split('\n')) {
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LINE_MAX_BYTES);
    }
  }, 40_000);

  test('a short list is whole', () => {
    // Of the file without a bound: what started the tests may have a command line that alone fills a line of 30,000 bytes.
    const [line] = long.filter(l => number(l, 'process.args_count') === 10);
    expect(at(line, 'process.args')).toEqual([path, ...Array.from({ length: 9 }, () => 'x'.repeat(20))]);
    expect(at(line, 'puppy.warnings')).toBeUndefined();
  });

  test('70,000 arguments, 70,001 empty ones: the true count, and a prefix that says that it is one', () => {
    for (const [count, one] of [
      [70_001, 'xxx'],
      [70_002, ''],
    ] as const) {
      const [line] = withCount(count);
      expect(line).toBeDefined();
      expect(at(line, 'puppy.warnings')).toContain('argv_truncated');
      const args = at(line, 'process.args') as string[];
      expect(args.length).toBeGreaterThan(100);
      expect(args[0]).toBe(path);
      expect(args.slice(1, -1).every(arg => arg === one)).toBe(true);
      expect(bytes(line!)).toBeLessThanOrEqual(LINE_MAX_BYTES);
    }
  });

  test('one of 131,000 bytes, fifteen of them', () => {
    for (const line of [...withCount(2), ...withCount(16)].filter(l => text(l, 'process.executable') === path)) {
      if (text(line, 'process.command_line')?.includes('xxxxx') !== true) continue;
      expect(at(line, 'puppy.warnings')).toContain('argv_truncated');
      const args = at(line, 'process.args') as string[];
      expect(args[0]).toBe(path);
      expect(/^x+/.test(args[1]!)).toBe(true);
    }
    expect(withCount(16)).toHaveLength(1);
  });

  test('argv NULL is one empty argument', () => {
    const line = withCount(1).find(l => at(l, 'process.args.0') === '');
    expect(line).toBeDefined();
    expect(at(line, 'process.args')).toEqual(['']);
    expect(at(line, 'process.executable')).toBe(path);
  });

  test('exact up to the bound: rules see the last byte; one byte more is cut, and they see that it is', () => {
    const ends = run.alerts().filter(line => at(line, 'rule.name') === 'The end of a long argument list');
    expect(ends).toHaveLength(1);
    const [whole, cut] = long.filter(line => text(line, 'process.command_line')?.includes('yyyyyyyy'));
    const argv = (line: Line | undefined): Buffer => Buffer.from((at(line, 'process.args') as string[]).join('\0'));
    expect(argv(whole).length).toBe(ARGV_MAX_BYTES - 1);
    expect(at(whole, 'puppy.warnings')).toBeUndefined();
    expect(argv(cut).length).toBeLessThan(ARGV_MAX_BYTES);
    expect(argv(cut).length).toBeGreaterThan(ARGV_MAX_BYTES - 8);
    expect(at(cut, 'puppy.warnings')).toEqual(['argv_truncated']);
    // All but the last bytes, where the whole one has its Z.
    expect(
      argv(whole)
        .subarray(0, -8)
        .equals(argv(cut).subarray(0, ARGV_MAX_BYTES - 9)),
    ).toBe(true);
  });

  test('nothing was lost or incomplete', () => {
    expect(run.of('loss')).toEqual([]);
  });
});

describe('scripts', () => {
  const dir = folder();
  const script = join(dir, 'the-script.sh');
  let lines: Line[] = [];
  let run: AgentRun;
  const isBy = (line: Line, how: string): boolean => {
    const args = at(line, 'process.args') as string[] | undefined;
    return args?.[0] === '/bin/sh' && args.at(-1) === how;
  };
  const ruleHits = (how: string): number =>
    run.alerts().filter(l => at(l, 'rule.name') === "The test's script" && isBy(l, how)).length;
  const execOf = (how: string): Line | undefined => lines.find(l => isBy(l, how));

  beforeAll(async () => {
    writeFileSync(script, '#!/bin/sh\nexit 0\n');
    chmodSync(script, 0o755);
    symlinkSync('the-script.sh', join(dir, 'a-link'));
    run = await watched(async () => {
      execFileSync(script, ['by-path']);
      execFileSync('/bin/sh', [script, 'by-sh']);
      execFileSync(join(dir, 'a-link'), ['by-link']);
      execFileSync('./the-script.sh', ['relative'], { cwd: dir });
      spawnSync('/bin/sh', ['-c', 'exec the-script.sh by-search'], { env: { PATH: `/nowhere:/neither:${dir}` } });
      await scenario('memfd', script, 'the-script.sh', 'from-memory');
      spawnSync(join(dir, 'no-such-program'), []);
      spawnSync(dir, []);
    });
    lines = run.of('exec');
  }, 30_000);

  const shell = existsSync('/bin/dash') ? '/usr/bin/dash' : '/bin/sh';

  test('by its path: the interpreter is the executable, the script the image', () => {
    const line = execOf('by-path');
    expect(at(line, 'process.executable')).toBe(shell);
    expect(at(line, 'puppy.process.invoked')).toEqual([script, '/bin/sh']);
    expect(at(line, 'process.args')).toEqual(['/bin/sh', script, 'by-path']);
    expect(ruleHits('by-path')).toBe(1);
  });

  test('relative, and searched in PATH', () => {
    expect(at(execOf('relative'), 'puppy.process.invoked.0')).toBe(script);
    expect(ruleHits('relative')).toBe(1);
    expect(at(execOf('by-search'), 'puppy.process.invoked.0')).toBe(script);
    expect(ruleHits('by-search')).toBe(1);
  });

  test('as an argument of sh it is no image', () => {
    expect(at(execOf('by-sh'), 'puppy.process.invoked')).toEqual(['/bin/sh']);
    expect(ruleHits('by-sh')).toBe(0);
  });

  test('through a symbolic link: the image is the link', () => {
    expect(at(execOf('by-link'), 'puppy.process.invoked.0')).toBe(join(dir, 'a-link'));
    expect(ruleHits('by-link')).toBe(0);
  });

  test('from a memfd: the image has no path, only the shebang', () => {
    const line = execOf('from-memory');
    expect(at(line, 'process.executable')).toBe(shell);
    expect(at(line, 'puppy.process.invoked')).toEqual(['/bin/sh']);
    expect(text(line!, 'process.command_line')).toMatch(/^\/bin\/sh \/dev\/fd\/\d+ from-memory$/);
    expect(ruleHits('from-memory')).toBe(0);
  });

  test('a program from a memfd', async () => {
    const seen = await watched(() => scenario('memfd', helper(), 'hidden', 'leaf').then(() => undefined));
    const line = seen.of('exec').find(l => at(l, 'process.args.0') === 'hidden');
    expect(at(line, 'process.executable')).toBe('/memfd:puppy-test (deleted)');
  }, 20_000);

  test('a failed execve is no process start', () => {
    expect(lines.some(l => JSON.stringify(l).includes('no-such-program'))).toBe(false);
    expect(run.of('exec_failed')).toEqual([]);
  });
});

// Files in the running agent, on both backends: what was done to them and by whom, what they were before and after, whose package they
// are; what an agent that was down missed; hostile files; a recording again.

import { describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
  puppy,
  RULES,
  text,
} from './agent.ts';

guardKernel();

const BACKENDS = ['fanotify', 'inotify'] as const;

interface Watched {
  readonly run: AgentRun;
  readonly stateDir: string;
  /** The folder that is watched, and one beside it that isn't. */
  readonly dir: string;
  readonly beside: string;
}

async function watching(
  more = '',
  options: { backend?: string; dir?: string; stateDir?: string; args?: readonly string[]; rules?: string } = {},
): Promise<Watched> {
  const base = options.dir ?? folder();
  const [dir, beside] = [join(base, 'w'), join(base, 'beside')];
  for (const path of [dir, beside]) mkdirSync(path, { recursive: true });
  const { backend = 'auto', stateDir, rules } = options;
  const run = await agent({
    config: `fsnotify: {enabled: true, backend: ${backend}, paths: ['${dir}/**'], containers: false${more}}`,
    args: ['--events', ...(options.args ?? [])],
    ...(stateDir !== undefined && { stateDir }),
    ...(rules !== undefined && { rules }),
  });
  await run.until('watching', () => run.log().includes('files: watching'));
  return { run, dir, beside, stateDir: run.stateDir };
}

const files = (lines: readonly Line[]): Line[] =>
  lines.filter(line => at(line, 'file') !== undefined && text(line, 'event.kind') === 'event');
const of = (run: AgentRun, path: string): Line[] => files(run.lines()).filter(line => text(line, 'file.path') === path);

/** `action by name`, for each event of a path, in order. */
const told = (run: AgentRun, path: string): string[] =>
  of(run, path).map(line => `${text(line, 'event.action')} by ${text(line, 'process.name') ?? 'nobody'}`);

const sha256 = (content: string): string => Bun.CryptoHasher.hash('sha256', content, 'hex');

const GAP_MS = 150;

describe.each(BACKENDS)('%s', backend => {
  test('each action is told as what it is, with who did it', async () => {
    const { run, dir, beside } = await watching('', { backend });
    const sh = async (command: string): Promise<void> => {
      execFileSync('/bin/sh', ['-c', command], { cwd: dir });
      await Bun.sleep(GAP_MS);
    };
    await sh('echo one > made');
    await sh(': > made; exit 0');
    await sh('echo two > edited; exit 0');
    await sh('sed -i s/two/three/ edited');
    await sh('cp edited copied');
    await sh('mv copied edited');
    await sh('touch touched');
    await sh('touch -d 2020-01-01 touched');
    await sh('chmod 4755 touched');
    await sh('chown 1:1 touched');
    await sh(`${helper()} xattr touched`);
    await sh('setcap cap_net_raw=ep made');
    await sh(`${helper()} mapped edited`);
    await sh('ln made hard');
    await sh('ln -s made soft');
    await sh(`echo in > ${beside}/in; exit 0`);
    await sh(`mv ${beside}/in moved-in`);
    await sh(`mv moved-in ${beside}/out`);
    await sh('mkdir sub');
    await sh('echo deep > sub/deep; exit 0');
    await sh('rm -r sub');
    await sh('rm hard soft');
    const seen = (name: string): string[] => told(run, join(dir, name));
    await run.until('the last', () => seen('soft').length === 2);
    const isKnown = backend === 'fanotify';
    expect({
      made: seen('made'),
      edited: seen('edited'),
      copied: seen('copied'),
      touched: seen('touched'),
      hard: seen('hard'),
      soft: seen('soft'),
      in: seen('moved-in'),
      deep: seen('sub/deep'),
      sub: seen('sub').filter(one => !one.startsWith('attributes')),
    }).toEqual({
      made: ['created by dash', 'modified by dash', 'attributes_modified by setcap'],
      edited: ['created by dash', 'renamed by sed', 'renamed by mv', 'modified by helper'],
      copied: ['created by cp'],
      touched: [
        'created by touch',
        'attributes_modified by touch',
        'attributes_modified by chmod',
        'attributes_modified by chown',
        'attributes_modified by helper',
      ],
      hard: ['linked by ln', 'deleted by rm'],
      soft: ['created by ln', 'deleted by rm'],
      in: ['renamed by mv', 'deleted by mv'],
      deep: ['created by dash', 'deleted by rm'],
      sub: ['created by mkdir', 'deleted by rm'],
    });
    const [, , , , owned] = of(run, join(dir, 'touched'));
    expect([text(owned!, 'file.mode'), text(owned!, 'puppy.file.previous.mode')]).toEqual(['0755', '0755']);
    const capable = of(run, join(dir, 'made')).find(line => text(line, 'process.name') === 'setcap')!;
    expect(text(capable, 'puppy.file.capabilities')).toBe('cap_net_raw=ep');
    const moved = of(run, join(dir, 'moved-in'));
    if (isKnown) expect(text(moved[0]!, 'puppy.file.previous.path')).toBe(join(beside, 'in'));
    if (isKnown) expect(text(moved[1]!, 'puppy.file.moved_to')).toBe(join(beside, 'out'));
    expect(await run.stop()).toBe(0);
  }, 60_000);

  test('a burst of one process is told whole', async () => {
    const { run, dir } = await watching('', { backend });
    execFileSync(helper(), ['burst', join(dir, 'b'), '1000']);
    await run.until(
      '1,000 files',
      () => files(run.lines()).filter(line => text(line, 'event.action') === 'created').length >= 1_000,
    );
    const created = files(run.lines()).filter(line => text(line, 'event.action') === 'created');
    expect(new Set(created.map(line => text(line, 'file.path'))).size).toBe(1_000);
    expect(created.filter(line => text(line, 'process.name') !== 'helper').length).toBe(0);
    expect(new Set(created.map(line => text(line, 'file.hash.sha256')))).toEqual(new Set([sha256('x')]));
    expect(await run.stop()).toBe(0);
  }, 60_000);

  test('hostile files hold nothing up and have their right names', async () => {
    const { run, dir, beside } = await watching('', { backend });
    writeFileSync(join(beside, 'secret'), 'secret');
    mkdirSync(join(dir, 'loop'));
    execFileSync('mkfifo', [join(dir, 'fifo')]);
    execFileSync('truncate', ['-s', '50G', join(dir, 'sparse')]);
    const odd = Buffer.concat([Buffer.from(`${dir}/a\nb`), Buffer.from([0xff, 0xfe]), Buffer.from('c')]);
    writeFileSync(odd, 'odd');
    execFileSync('mount', ['--bind', dir, join(dir, 'loop')]);
    try {
      for (let i = 0; i < 200; i++) {
        rmSync(join(dir, 'swap'), { force: true });
        if (i % 2 === 0) writeFileSync(join(dir, 'swap'), 'x'.repeat(100_000));
        else symlinkSync(join(beside, 'secret'), join(dir, 'swap'));
      }
      writeFileSync(join(dir, 'last'), 'last');
      await run.until('the last', () => of(run, join(dir, 'last')).length > 0);
      const [fifo] = of(run, join(dir, 'fifo'));
      expect([text(fifo!, 'event.action'), text(fifo!, 'file.type'), at(fifo, 'file.hash')]).toEqual([
        'created',
        'fifo',
        undefined,
      ]);
      const sparse = of(run, join(dir, 'sparse')).at(-1)!;
      expect([number(sparse, 'file.size'), at(sparse, 'file.hash')]).toEqual([50 * 2 ** 30, undefined]);
      expect(at(sparse, 'puppy.warnings')).toContain('not_hashed_size');
      expect(of(run, `${dir}/a\nb\\xff\\xfec`).length).toBe(1);
      const secret = sha256('secret');
      expect(files(run.lines()).filter(line => text(line, 'file.hash.sha256') === secret)).toEqual([]);
    } finally {
      execFileSync('umount', [join(dir, 'loop')]);
    }
    expect(await run.stop()).toBe(0);
  }, 60_000);
});

test('what changed while no agent ran is told at the next start, with before and after', async () => {
  const dir = folder();
  const passwd = join(dir, 'w/passwd');
  mkdirSync(join(dir, 'w'));
  const before = 'root:x:0:0::/root:/bin/sh\n';
  const after = `${before}eve::0:0::/:/bin/sh\n`;
  for (const name of ['passwd', 'same', 'gone', 'mode']) writeFileSync(join(dir, 'w', name), before);
  const first = await watching(', diff: true', { dir });
  await first.run.until('filled', () => first.run.log().includes('the baseline holds'));
  expect(await first.run.stop()).toBe(0);
  appendFileSync(passwd, 'eve::0:0::/:/bin/sh\n');
  rmSync(join(dir, 'w/gone'));
  chmodSync(join(dir, 'w/mode'), 0o4755);
  writeFileSync(join(dir, 'w/new'), 'new');
  const { run } = await watching(', diff: true', { dir, stateDir: first.stateDir });
  const down = (): Line[] =>
    files(run.lines()).filter(line => (at(line, 'puppy.warnings') as string[] | undefined)?.includes('while_down'));
  await run.until('all that changed', () => down().length >= 4);
  const byName = Object.fromEntries(down().map(line => [text(line, 'file.name'), text(line, 'event.action')]));
  expect(byName).toEqual({ passwd: 'modified', gone: 'deleted', mode: 'attributes_modified', new: 'created' });
  const [changed] = of(run, passwd);
  expect(text(changed!, 'puppy.file.previous.hash.sha256')).toBe(sha256(before));
  expect(text(changed!, 'file.hash.sha256')).toBe(sha256(after));
  expect(text(changed!, 'puppy.file.diff')).toBe('@@ -1,1 +1,2 @@\n root:x:0:0::/root:/bin/sh\n+eve::0:0::/:/bin/sh\n');
  expect(await run.stop()).toBe(0);
}, 60_000);

test('a recording gives the same lines', async () => {
  const recording = join(folder(), 'recording');
  const { run, dir } = await watching('', { args: ['--record', recording] });
  execFileSync('/bin/sh', ['-c', 'echo x > a; chmod 600 a; mv a b; (echo y > c); rm b'], { cwd: dir });
  await run.until('c', () => told(run, join(dir, 'c')).length > 0 && told(run, join(dir, 'b')).length > 1);
  expect(await run.stop()).toBe(0);
  const replayed = puppy(['replay', '--events', '--rules', RULES, recording]);
  expect(replayed.code).toBe(0);
  const seen = (lines: readonly Line[]): unknown[] =>
    files(lines).map(({ event, ...rest }) => ({ ...rest, event: { ...(event as object), created: undefined } }));
  expect(seen(jsonLines(replayed.out))).toEqual(seen(run.lines()));
}, 60_000);

test('more files than the kernel queues are lost to nobody', async () => {
  const { run, dir } = await watching();
  const [folders, each] = [200, 100];
  for (let d = 0; d < folders; d++) {
    mkdirSync(join(dir, `d${d}`));
    for (let f = 0; f < each; f++) writeFileSync(join(dir, `d${d}`, `f${f}`), '');
  }
  const paths = (): Set<string | undefined> =>
    new Set(
      files(run.lines())
        .filter(line => text(line, 'file.type') === 'file')
        .map(line => text(line, 'file.path')),
    );
  await run.until('all', () => paths().size === folders * each, 40_000);
  expect(await run.stop()).toBe(0);
}, 90_000);

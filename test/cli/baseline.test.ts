import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baselineCommand } from '../../src/cli/baseline.ts';
import { textBytes } from '../../src/core/text.ts';
import { BaselineStore } from '../../src/store/baseline.ts';
import { BaselineFile } from '../../src/store/baseline-file.ts';
import { capture } from './capture.ts';

const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'puppy-cli-baseline-')));
const tree = join(folder, 'tree');
const config = join(folder, 'config.yaml');
const database = join(folder, 'state', 'baseline.db');
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(tree, name);
const put = (name: string, text: string): void => fs.writeFileSync(textBytes(at(name)), text);

async function baseline(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { io, written } = capture();
  const code = await baselineCommand.run([...args, '--config', config], io);
  return { code, ...written() };
}

/** Its rows, without the path of the tree. */
async function rows(...args: string[]): Promise<string[]> {
  const { out } = await baseline('diff', ...args);
  return out.replaceAll(`${tree}/`, '').split('\n').slice(1, -1);
}

beforeEach(() => {
  fs.mkdirSync(join(tree, 'sub'), { recursive: true });
  fs.writeFileSync(config, `fsnotify: {paths: ['${tree}/**'], exclude: []}\nstate_dir: ${folder}/state\n`);
  for (const name of ['a', 'b', 'sub/c']) put(name, name);
});
afterEach(() => {
  for (const name of [tree, join(folder, 'state')]) fs.rmSync(name, { recursive: true, force: true });
});

describe('baseline', () => {
  test('diff shows what differs from what was created, accept takes it or a part of it for right', async () => {
    expect((await baseline('create')).code).toBe(0);
    expect(await baseline('diff')).toEqual({ code: 0, out: '', err: '' });
    fs.chmodSync(at('a'), 0o4755);
    fs.utimesSync(at('b'), 1, 1);
    fs.rmSync(at('sub/c'));
    put('sub/n\x1b[31m\n\\xff', 'x');
    expect((await rows()).filter(row => !row.includes('\tctime\t'))).toEqual([
      'a\tmode\t0644\t4755',
      expect.stringMatching(/^b\tmtime\t2.*\t1970-01-01T00:00:01.000Z$/),
      'sub/c\tdeleted\tfile 0644 0:0 5 bytes\t',
      'sub/n\\x1b[31m\\n\\xff\tcreated\t\tfile 0644 0:0 1 bytes',
    ]);
    expect((await rows(at('sub'))).map(row => row.split('\t')[0])).toEqual(['sub/c', 'sub/n\\x1b[31m\\n\\xff']);
    expect((await baseline('accept', at('a'), at('sub'))).err).toContain('2 files accepted, 1 are gone');
    expect(new Set((await rows()).map(row => row.split('\t')[0]))).toEqual(new Set(['b']));
    await baseline('accept');
    expect((await baseline('diff')).code).toBe(0);
  });

  test('diff writes whole states as JSON Lines that no name can break', async () => {
    await baseline('create');
    put('b', 'B');
    put('\\xff\n\u202e', '');
    const { code, out } = await baseline('diff', '--format', 'json');
    expect([code, out.split('\n').length, out.includes('\u202e')]).toEqual([1, 3, false]);
    const [name, b] = out
      .split('\n')
      .slice(0, 2)
      .map(line => JSON.parse(line));
    expect(name).toMatchObject({ path: at('\\xff\n\u202e'), change: 'created', after: { type: 'file', size: 0 } });
    const hash = { sha256: new Bun.CryptoHasher('sha256').update('b').digest('hex') };
    expect(b).toMatchObject({ path: at('b'), change: 'changed', before: { uid: '0', mode: '0644', hash } });
    expect(b.fields).toContain('content');
  });

  test('diff reads what a look says is the same only with --full', async () => {
    await baseline('create');
    const file = new BaselineFile(database, { busyMs: 100, maxPaths: 100 });
    file.accept(at('b'), { ...file.known(at('b'))!, hashes: { sha256: '00'.repeat(32) } });
    file.close();
    expect(await rows()).toEqual([]);
    expect((await rows('--full')).map(row => row.slice(0, 20))).toEqual(['b\tcontent\tsha256:000']);
  });

  test('works beside an agent, and takes what that knows', async () => {
    await baseline('create');
    const notes: string[] = [];
    const store = new BaselineStore({ path: database, onNote: (_, message) => notes.push(message) });
    const before = store.previous(at('a'));
    expect(before?.size).toBe(1);
    store.note(at('a'), { ...before!, size: 7, hashes: { sha256: '11'.repeat(32) } });
    store.tick(0);
    expect((await rows()).join()).toBe('');
    put('b', 'more');
    await baseline('accept');
    expect(store.previous(at('b'))?.size).toBe(4);
    store.close();
    expect(notes).toEqual([]);
  });

  test('create forgets what is no longer watched', async () => {
    await baseline('create');
    fs.writeFileSync(config, `fsnotify: {paths: ['${tree}/sub'], exclude: []}\nstate_dir: ${folder}/state\n`);
    expect(await rows()).toEqual([]);
    await baseline('create');
    const file = new BaselineFile(database, { busyMs: 100, maxPaths: 100 });
    expect([file.pathsFrom('', 9), file.meta()?.paths]).toEqual([[at('sub'), at('sub/c')], [at('sub')]]);
    file.close();
  });

  test('says what is missing or wrong', async () => {
    expect(await baseline('diff')).toMatchObject({ code: 2, err: expect.stringContaining('baseline create') });
    expect(fs.existsSync(database)).toBe(false);
    fs.mkdirSync(join(folder, 'state'));
    fs.writeFileSync(database, 'x'.repeat(9_000));
    expect(await baseline('create')).toMatchObject({ code: 1, err: expect.stringContaining('move it away') });
    for (const args of [['x'], [], ['create', '/etc'], ['accept', '--full']])
      await expect(baseline(...args)).rejects.toThrow(/baseline/);
    const main = join(import.meta.dir, '../../src/cli/main.ts');
    const bare = ['--bounding-set', '-all', '--inh-caps', '-all', process.execPath, main, 'baseline', 'create'];
    const { status, stderr } = spawnSync('setpriv', [...bare, '--config', config], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([3, expect.stringContaining('sudo ./puppy-hids baseline create')]);
  });
});

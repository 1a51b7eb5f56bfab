import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileState } from '../../src/core/event.ts';
import { textBytes } from '../../src/core/text.ts';
import type { FileChange } from '../../src/fsnotify/change.ts';
import { Inspector } from '../../src/fsnotify/inspect/inspector.ts';
import { survey } from '../../src/fsnotify/survey.ts';
import { BaselineStore } from '../../src/store/baseline.ts';
import { type CompareCounters, compareWithBaseline, type Inspect } from '../../src/store/baseline-compare.ts';
import { BaselineFile } from '../../src/store/baseline-file.ts';

const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'puppy-compare-')));
const root = join(folder, 'tree');
const database = join(folder, 'baseline.db');
const inspector = new Inspector({ hashes: ['sha256'], hashMaxBytes: 1_000 }, () => undefined);
const inspect: Inspect = (request, done) => inspector.inspect(request, done);
afterAll(() => {
  inspector.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => fs.mkdirSync(join(root, 'sub'), { recursive: true }));
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
  for (const end of ['', '-wal', '-shm']) fs.rmSync(database + end, { force: true });
});

const at = (name: string): string => join(root, name);
const put = (name: string, text: string): void => fs.writeFileSync(at(name), text);

interface Run {
  readonly told: readonly FileChange[];
  readonly counters: CompareCounters;
  readonly read: readonly string[];
}

/** A start of the agent: what it tells of the time before. `during` is what its watcher does. */
async function start(
  during?: (store: BaselineStore, path: string) => void,
  paths = [`${root}/**`],
  hashes: readonly ('sha256' | 'md5')[] = ['sha256'],
): Promise<Run> {
  const notes: string[] = [];
  const store = new BaselineStore({ path: database, onNote: (_, message) => notes.push(message) });
  const told: FileChange[] = [];
  const read: string[] = [];
  const counters = await compareWithBaseline({
    watched: { paths, excludes: [at('excluded')], hashes, hashMaxBytes: 1_000 },
    store,
    inspect: (request, done) => {
      read.push(request.path.slice(root.length + 1));
      inspect(request, found => {
        during?.(store, request.path);
        done(found);
      });
    },
    tell: change => told.push(change),
    holdMs: 50,
  });
  await Promise.all(
    told.map(({ path, kind }) => look(path).then(s => store.note(path, kind === 'deleted' ? undefined : s))),
  );
  store.close();
  expect(notes).toEqual([]);
  return { told, counters, read };
}

const look = (path: string): Promise<FileState | undefined> =>
  new Promise(resolve => inspect({ path, priority: 'event' }, ({ state }) => resolve(state)));

/** `kind name`, sorted. */
const summary = ({ told }: Run): string[] =>
  told.map(({ kind, path }) => `${kind} ${path.slice(root.length + 1)}`).sort();

describe('what changed while no agent ran', () => {
  test('is told at the next start, with what it was before, and only then', async () => {
    for (const name of ['passwd', 'shadow', 'touched', 'owned', 'sub/goes', 'same']) put(name, name);
    fs.symlinkSync('/etc/passwd', at('link'));
    const first = await start();
    expect([summary(first), first.counters]).toEqual([[], { files: 9, inspected: 9, told: 0, filled: 9 }]);

    put('passwd', 'passwd+root');
    fs.chmodSync(at('shadow'), 0o4777);
    fs.utimesSync(at('touched'), 1, 1);
    fs.chownSync(at('owned'), 65534, 65534);
    fs.rmSync(at('sub/goes'));
    put('sub/new\nline', 'x');
    fs.writeFileSync(textBytes(`${root}/\\xff`), 'x');
    fs.rmSync(at('link'));
    fs.symlinkSync('/etc/shadow', at('link'));
    spawnSync('mkfifo', [at('pipe')]);
    const second = await start();
    expect(summary(second)).toEqual(
      [
        ...['created \\xff', 'created pipe', 'created sub/new\nline', 'deleted sub/goes', 'modified link'],
        ...[
          'modified passwd',
          'attributes_modified owned',
          'attributes_modified shadow',
          'attributes_modified touched',
        ],
      ].sort(),
    );
    expect(second.read).not.toContain('same');
    const passwd = second.told.find(({ path }) => path === at('passwd'))!;
    expect(passwd).toMatchObject({ teller: 'scan', warnings: ['while_down'], previous: { type: 'file', size: 6 } });
    expect(passwd.previous?.hashes?.sha256).toBe(new Bun.CryptoHasher('sha256').update('passwd').digest('hex'));

    const third = await start();
    expect([summary(third), third.counters.inspected]).toEqual([[], 0]);
  });

  test('is found by content, whatever mtime says, and by mode and owner of a directory', async () => {
    put('a', 'one');
    put('b', 'two');
    fs.utimesSync(at('a'), 1, 1);
    await start();
    put('a', 'six');
    fs.utimesSync(at('a'), 1, 1);
    const bytes = fs.readFileSync(at('b'));
    fs.rmSync(at('b'));
    fs.writeFileSync(at('b'), bytes);
    fs.chownSync(at('sub'), 65534, 65534);
    expect(summary(await start())).toEqual(['attributes_modified b', 'attributes_modified sub', 'modified a']);
  });

  test('is left to the watcher where it saw it', async () => {
    put('live', 'one');
    put('other', 'one');
    await start();
    put('live', 'two');
    put('other', 'two');
    const now = (await look(at('live')))!;
    const told = await start((store, path) => {
      if (path === at('live') || path === at('other')) store.note(at('live'), now);
    });
    expect(summary(told)).toEqual(['modified other']);
  });

  test('is not what is newly watched, nor what no longer is', async () => {
    put('sub/old', 'x');
    put('top', 'x');
    await start(undefined, [`${root}/sub/**`]);
    put('sub/new', 'x');
    const wider = await start(undefined, [root, `${root}/sub/**`]);
    expect([summary(wider), wider.counters.filled]).toEqual([['created sub/new'], 2]);
    fs.rmSync(at('top'));
    fs.rmSync(at('sub/new'));
    expect(summary(await start(undefined, [`${root}/sub/**`]))).toEqual(['deleted sub/new']);
    const file = new BaselineFile(database, { busyMs: 100, maxPaths: 100 });
    expect(file.pathsFrom('', 99)).toEqual([at('sub'), at('sub/old')]);
    file.close();
  });

  test('is not another hash that is asked for now; that is computed silently', async () => {
    put('a', 'x');
    fs.writeFileSync(at('large'), 'x'.repeat(1_001));
    await start();
    const more = await start(undefined, undefined, ['sha256', 'md5']);
    expect([summary(more), more.read]).toEqual([[], ['a']]);
  });

  test('ends with the signal, also while the inspector doesn’t answer, and isn’t whole then', async () => {
    put('a', 'x');
    const store = new BaselineStore({ path: database, onNote: () => undefined });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    const watched = { paths: [`${root}/**`], excludes: [], hashes: ['sha256'] as const, hashMaxBytes: 9 };
    await compareWithBaseline({
      watched,
      store,
      inspect: () => undefined,
      tell: () => undefined,
      signal: controller.signal,
    });
    expect(store.isNew).toBe(true);
    store.close();
  });
});

describe('a survey', () => {
  async function paths(
    patterns: readonly string[],
    excludes: readonly string[] = [],
    within?: string[],
  ): Promise<string[]> {
    const found: string[] = [];
    for await (const { path } of survey({ paths: patterns, excludes, ...(within && { within }) })) found.push(path);
    return found.map(path => path.slice(root.length + 1));
  }

  test('finds what the watch set covers, in an order that is always the same', async () => {
    for (const name of ['b', 'a', 'sub/c']) put(name, '');
    fs.mkdirSync(at('excluded/deep'), { recursive: true });
    fs.symlinkSync(root, at('sub/loop'));
    fs.symlinkSync(root, join(folder, 'alias'));
    const all = ['', 'a', 'b', 'sub', 'sub/c', 'sub/loop'];
    expect(await paths([`${root}/**`], [at('excluded')])).toEqual(all);
    expect(await paths([`${folder}/alias/**`], [at('excluded')])).toEqual(all);
    expect(await paths([root], [at('excluded')])).toEqual(['', 'a', 'b', 'sub']);
    expect(await paths([`${root}/*/c`, at('a')])).toEqual(['a', 'sub/c']);
    expect(await paths([`${root}/**`], [at('excluded')], [at('sub')])).toEqual(all.slice(3));
    expect(await paths([`${root}/**`], [], [`${root}/su`])).toEqual([]);
    fs.rmSync(join(folder, 'alias'));
  });

  test('enters what is mounted twice once, and no file system that isn’t of files', async () => {
    put('sub/c', '');
    for (const name of ['twice', 'proc']) fs.mkdirSync(at(name));
    spawnSync('mount', ['--bind', root, at('twice')]);
    spawnSync('mount', ['-t', 'proc', 'proc', at('proc')]);
    try {
      expect(await paths([`${root}/**`])).toEqual(['', 'proc', 'sub', 'twice', 'sub/c']);
    } finally {
      spawnSync('umount', [at('twice')]);
      spawnSync('umount', [at('proc')]);
    }
  });

  test('goes as deep as paths do, and lets others have their turn', async () => {
    let deep = at('deep');
    for (let i = 0; i < 300; i++) deep = join(deep, 'deeper');
    fs.mkdirSync(deep, { recursive: true });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    let count = 0;
    for await (const _ of survey({ paths: [`${root}/**`], excludes: [] })) if (++count <= 10) Bun.sleepSync(5);
    clearInterval(timer);
    expect(count).toBe(303);
    expect(turns).toBeGreaterThan(2);
  });
});

import { Database } from 'bun:sqlite';
import { afterEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileState } from '../../src/core/event.ts';
import { BaselineStore } from '../../src/store/baseline.ts';
import { differences, isUntouched, kindOfDifference } from '../../src/store/baseline-differences.ts';
import { BaselineFile } from '../../src/store/baseline-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'puppy-baseline-'));
const path = join(folder, 'state', 'baseline.db');
afterEach(() => rmSync(join(folder, 'state'), { recursive: true, force: true }));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const FILE: FileState = {
  ...{ type: 'file', inode: '12', mode: 0o4755, owner: { id: 0 }, group: { id: 4294967294 }, size: 2 ** 40 },
  ...{ mtimeMs: 1_700_000_000_000.25, ctimeMs: 1_700_000_000_001, capabilities: 'cap_net_raw=ep' },
  hashes: { sha256: 'ab'.repeat(32), md5: '0f'.repeat(16) },
};
const OTHER: FileState = { ...FILE, size: 3, hashes: { sha256: 'cd'.repeat(32) } };
const META = { paths: ['/etc/**'], excludes: [], timeMs: 1 };

const notes: string[] = [];
function open(maxPaths?: number): BaselineStore {
  notes.length = 0;
  const onNote = (level: string, message: string): unknown => notes.push(`${level}: ${message}`);
  return new BaselineStore({ path, onNote, ...(maxPaths !== undefined && { maxPaths }) });
}
const openFile = (): BaselineFile => new BaselineFile(path, { busyMs: 1_000, maxPaths: 1_000 });

/** What the file has, once a store is closed. */
function kept<T>(question: (file: BaselineFile) => T): T {
  const file = openFile();
  const answer = question(file);
  file.close();
  return answer;
}

/** A baseline that was filled with FILE at /a. */
function filled(): BaselineStore {
  const store = open();
  store.note('/a', FILE);
  store.filled(META);
  return store;
}

describe('what is known', () => {
  test('is answered at once and after a restart, every field of it, by any name', () => {
    const names = ['/a', '/new\nline', '/\\xff', "/'quote", '/ä', '/\u202e'];
    const link: FileState = { type: 'symlink', inode: '18446744073709551615', target: '/\\xfe' };
    const store = open();
    expect([store.isNew, store.previous('/a')]).toEqual([true, undefined]);
    for (const name of names) store.note(name, FILE);
    store.note('/link', link);
    expect(store.previous('/a')).toEqual(FILE);
    store.filled(META);
    store.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = open();
    expect([again.isNew, again.meta]).toEqual([false, META]);
    for (const name of names) expect(again.previous(name)).toEqual(FILE);
    expect(again.previous('/link')).toEqual(link);
    expect(again.knownFrom('/a', 2).map(entry => entry.path)).toEqual(['/link', '/new\nline']);
    again.note('/a', undefined);
    expect(again.previous('/a')).toBeUndefined();
    again.close();
    expect(kept(file => [file.known('/a'), file.accepted('/a')])).toEqual([undefined, FILE]);
    expect(notes).toEqual([]);
  });

  test('is accepted until it changes, and again when it is as it was', () => {
    let store = filled();
    store.note('/a', OTHER);
    store.note('/b', FILE);
    store.close();
    expect(kept(f => [f.known('/a'), f.accepted('/a'), f.known('/b'), f.accepted('/b')])).toEqual([
      ...[OTHER, FILE, FILE, undefined],
    ]);
    expect(kept(f => f.acceptedFrom('', 9))).toEqual([{ path: '/a', state: FILE }]);
    store = open();
    store.note('/a', undefined);
    store.tick(0);
    store.note('/a', { ...FILE, mtimeMs: FILE.mtimeMs! + 0.5 });
    store.note('/b', undefined);
    store.close();
    expect(kept(f => [f.accepted('/a')?.size, f.pathsFrom('', 9)])).toEqual([FILE.size, ['/a']]);
    kept(f => f.accept('/a', OTHER));
    kept(f => f.accept('/c', OTHER));
    expect(kept(f => f.acceptedFrom('', 9).map(entry => entry.path))).toEqual(['/a', '/c']);
    expect(kept(f => [f.known('/a'), f.accepted('/a')])).toEqual([OTHER, OTHER]);
  });

  test('while it is filled, what is there is accepted; what comes after that isn’t', () => {
    const store = open();
    store.note('/a', FILE);
    store.note('/a', OTHER);
    store.filled(META);
    store.note('/a', FILE);
    store.fill('/new ground', OTHER);
    store.note('/new ground', FILE);
    store.forget('/gone');
    store.close();
    expect(kept(f => [f.known('/a'), f.accepted('/a')])).toEqual([FILE, OTHER]);
    expect(kept(f => [f.known('/new ground'), f.accepted('/new ground')])).toEqual([FILE, OTHER]);
  });

  test('is bounded; what finds no place is counted and told once', () => {
    const store = open(2);
    for (const name of ['/a', '/b', '/c', '/d']) store.note(name, FILE);
    store.tick(0);
    store.note('/a', OTHER);
    store.tick(1);
    expect(store.counters()).toMatchObject({ paths: 2, refused: 2, unwritten: 0, dropped: 0 });
    store.close();
    expect(notes).toEqual([expect.stringContaining('more than 2 files are watched')]);
    expect(kept(f => [f.size, f.known('/a')])).toEqual([2, OTHER]);
  });

  test('goes with its directory, to the last file of it, and never over what is newer', () => {
    const store = filled();
    for (let i = 0; i < 600; i++) store.note(`/dir/${i}`, FILE);
    store.note('/dir2', FILE);
    store.moved('/dir', '/to');
    store.moved('/to', '/there');
    store.note('/there/5', OTHER);
    expect(store.previous('/dir/7')).toEqual(FILE);
    store.close();
    const paths = kept(f => f.knownFrom('', 999).map(entry => entry.path));
    expect(paths).toHaveLength(602);
    expect(paths.filter(path => path.startsWith('/there/'))).toHaveLength(600);
    expect(kept(f => [f.known('/there/5'), f.known('/there/599'), f.known('/dir2')])).toEqual([OTHER, FILE, FILE]);
  });

  test('is written beside everything else, the rest of it when it is closed', async () => {
    const store = open();
    for (let i = 0; i < 20_000; i++) store.note(`/${i}`, FILE);
    const startMs = performance.now();
    store.tick(0);
    expect(performance.now() - startMs).toBeLessThan(1_000);
    expect(store.counters().unwritten).toBeGreaterThan(0);
    expect(store.previous('/19999')).toEqual(FILE);
    for (let i = 0; i < 2_000 && store.counters().unwritten! > 0; i++) await Bun.sleep(1);
    expect(store.counters().unwritten).toBe(0);
    store.note('/last', FILE);
    store.close();
    expect(kept(f => f.size)).toBe(20_001);
  });
});

describe('the file', () => {
  test('may be written by the command line meanwhile', () => {
    const store = filled();
    store.tick(0);
    const file = openFile();
    file.transaction(() => {
      file.accept('/b', OTHER);
      store.note('/a', OTHER);
      store.tick(1);
      expect(store.counters().unwritten).toBe(1);
    });
    expect(store.previous('/b')).toEqual(OTHER);
    store.tick(2);
    expect(store.counters()).toMatchObject({ unwritten: 0, failures: 0 });
    expect(file.known('/a')).toEqual(OTHER);
    file.close();
    store.close();
    expect(notes).toEqual([]);
  });

  test('of another program, of another version, damaged or no database at all: put aside, told, begun anew', () => {
    const make = (sql: string): void => {
      filled().close();
      const db = new Database(path);
      db.run(sql);
      db.close();
    };
    const cases: [why: string, () => void][] = [
      ["another program's", () => make('PRAGMA application_id = 7')],
      ['of version 99, not 1', () => make('PRAGMA user_version = 99')],
      ['not a database', () => writeFileSync(path, 'x'.repeat(9_000))],
      ['no such table', () => make('DROP TABLE known')],
    ];
    for (const [why, damage] of cases) {
      mkdirSync(join(folder, 'state'), { recursive: true });
      damage();
      const store = open();
      expect([why, store.isNew, store.previous('/a')]).toEqual([why, true, undefined]);
      store.note('/a', FILE);
      store.close();
      expect(notes).toEqual([expect.stringContaining(why)]);
      expect(notes[0]).toContain(`it is put aside as ${path}.aside`);
      expect(existsSync(`${path}.aside`)).toBe(true);
      expect(kept(f => f.known('/a'))).toEqual(FILE);
      rmSync(join(folder, 'state'), { recursive: true });
    }
  });

  test('that has no place: memory goes on, told once, and it is tried again', () => {
    writeFileSync(join(folder, 'state'), '');
    const store = open();
    store.note('/a', FILE);
    store.tick(0);
    store.tick(1);
    expect([store.previous('/a'), notes.length]).toEqual([FILE, 1]);
    rmSync(join(folder, 'state'));
    store.tick(60_000);
    store.close();
    expect(notes[1]).toContain('is written again');
    expect(kept(f => f.known('/a'))).toEqual(FILE);
  });

  test('that is removed meanwhile is begun anew, and told', () => {
    const store = filled();
    store.tick(0);
    rmSync(path);
    store.tick(60_000);
    expect([store.isNew, notes]).toEqual([true, [expect.stringContaining('it was removed')]]);
    store.note('/b', FILE);
    store.close();
    expect(kept(f => f.accepted('/b'))).toEqual(FILE);
  });
});

describe('differences', () => {
  const of = (change: Partial<FileState>): string[] => differences(FILE, { ...FILE, ...change });

  test('are in what is known of both; times are compared to the millisecond, a directory’s not at all', () => {
    expect(of({})).toEqual([]);
    expect(of({ mtimeMs: FILE.mtimeMs! + 0.2, hashes: { sha1: 'x' } })).toEqual([]);
    expect(of({ mode: 0o755, ctimeMs: 5 })).toEqual(['mode', 'ctime']);
    expect(of({ hashes: OTHER.hashes!, owner: { id: 3 } })).toEqual(['content', 'owner']);
    const { capabilities: _, ...without } = FILE;
    expect(differences(FILE, without)).toEqual(['capabilities']);
    const directory: FileState = { type: 'dir', inode: '3', mode: 0o755, size: 4096, mtimeMs: 1, ctimeMs: 2 };
    expect(differences(directory, { ...directory, size: 8192, mtimeMs: 10, ctimeMs: 20 })).toEqual([]);
  });

  test('are a modification where the content is another, or may be', () => {
    const kind = (change: Partial<FileState>): string => kindOfDifference(FILE, { ...FILE, ...change });
    expect(kind({ hashes: OTHER.hashes! })).toBe('modified');
    expect(kind({ mtimeMs: 1, ctimeMs: 1, inode: '13' })).toBe('attributes_modified');
    expect(kind({ mtimeMs: 1, hashes: {} })).toBe('modified');
    expect(kind({ mode: 0o644, hashes: {} })).toBe('attributes_modified');
    expect(kind({ type: 'symlink', target: '/x' })).toBe('modified');
  });

  test('are not looked for where inode, mode and times are the same', () => {
    const seen = { mode: 0o104755, inode: 12, links: 1, mtimeMs: FILE.mtimeMs!, ctimeMs: FILE.ctimeMs! };
    expect(isUntouched(seen, FILE)).toBe(true);
    for (const change of [{ mode: 0o100755 }, { inode: 13 }, { mtimeMs: 1 }, { ctimeMs: 1 }])
      expect(isUntouched({ ...seen, ...change }, FILE)).toBe(false);
  });
});

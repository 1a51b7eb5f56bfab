import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWalked, mountsByPoint, parseMounts } from '../../src/fsnotify/mounts.ts';
import { Moves } from '../../src/fsnotify/moves.ts';
import { realPattern } from '../../src/fsnotify/roots.ts';
import { DirectoryTree, Share } from '../../src/fsnotify/tree.ts';

describe('the mount table', () => {
  const text = `22 28 0:20 / /proc rw,relatime - proc proc rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 28 0:30 / /mnt/with\\040space rw master:1 propagate_from:2 - nfs4 srv:/x rw
41 28 0:31 / /mnt/a rw - tmpfs none rw
42 41 0:32 / /mnt/a rw - fuse.sshfs x rw
nonsense
`;
  test('is read, and what lies on top counts', () => {
    const mounts = parseMounts(text);
    expect(mounts.length).toBe(5);
    const by = mountsByPoint(mounts);
    expect(by.get('/mnt/with space')).toEqual({
      ...{ id: '40', dev: '0:30', root: '/', point: '/mnt/with space', type: 'nfs4', options: 'rw' },
    });
    expect(parseMounts('1 2 0:1 /a /b\\134x41\\134n rw - ext4 x rw').map(mount => mount.point)).toEqual([
      '/b\\x5cx41\\n',
    ]);
    expect([...by.values()].filter(mount => isWalked(mount.type)).map(mount => mount.point)).toEqual(['/']);
  });
});

describe('halves of renames', () => {
  const doing = { pid: 5, timeMs: 0, teller: 'fanotify' as const };
  const half = { cookie: 0, doing, path: '/a', entry: undefined, node: undefined, isDirectory: false, sinceMs: 0 };
  const entry = { inode: 9, mtimeMs: 0, ctimeMs: 0, told: false };

  test('are joined by cookie, else by process and inode', () => {
    const moves = new Moves();
    moves.add({ ...half, cookie: 3 });
    moves.add({ ...half, path: '/b', entry });
    moves.add({ ...half, path: '/c' });
    expect(moves.take(4, 5, false, 9)).toBeUndefined();
    expect(moves.take(3, 0, false, undefined)?.path).toBe('/a');
    expect(moves.take(0, 6, false, 9)).toBeUndefined();
    expect(moves.take(0, 5, true, 9)).toBeUndefined();
    expect(moves.take(0, 5, false, 10)?.path).toBe('/c');
    expect(moves.take(0, 5, false, 9)?.path).toBe('/b');
  });

  test('wait for so long, and are so many', () => {
    const moves = new Moves();
    for (let i = 0; i < 1_024; i++) expect(moves.add({ ...half, sinceMs: i })).toBeUndefined();
    expect(moves.add(half)).toMatchObject({ sinceMs: 0 });
    expect(moves.expired(200).length).toBe(101);
    expect(moves.size).toBe(923);
  });
});

describe('the tree', () => {
  test('paths follow their directories; what is removed is counted off', () => {
    const tree = new DirectoryTree(2);
    const etc = tree.add(1, tree.root, 'etc');
    const ssh = tree.add(2, etc, 'ssh');
    const entry = { inode: 9, mtimeMs: 0, ctimeMs: 0, told: false };
    for (const name of ['a', 'b', 'c']) tree.setEntry(ssh, name, entry);
    expect([tree.entries, tree.refusedEntries]).toEqual([2, 1]);
    tree.detach(ssh);
    tree.attach(ssh, tree.root, 's');
    expect([tree.root.path, ssh.path, ssh.pathOf('a')]).toEqual(['/', '/s', '/s/a']);
    expect(tree.find(['s'])).toBe(ssh);
    expect(tree.remove(ssh)).toEqual([2]);
    expect([tree.entries, tree.get(2), tree.find(['s'])]).toEqual([0, undefined, undefined]);
  });
});

test('containers: each has its share of what is remembered, and all together theirs', () => {
  const tree = new DirectoryTree(100);
  const all = new Share(3, 3);
  const [one, two] = ['/one', '/two'].map((path, i) => tree.addTop(10 + i, path, new Share(2, 2, all)));
  const entry = { inode: 9, mtimeMs: 0, ctimeMs: 0, told: false };
  const below = tree.add(20, one!, 'd');
  expect([below.path, below.top, tree.top('/one'), below.share.isFullOfDirectories]).toEqual([
    '/one/d',
    one,
    one,
    true,
  ]);
  for (const name of ['a', 'b', 'c']) tree.setEntry(below, name, entry);
  for (const name of ['a', 'b']) tree.setEntry(two!, name, entry);
  tree.setEntry(tree.root, 'a', entry);
  expect([one!.share, two!.share].map(({ entries, refusedEntries }) => [entries, refusedEntries])).toEqual([
    [2, 1],
    [1, 1],
  ]);
  expect(two!.share.isFullOfDirectories).toBe(true);
  tree.detach(below);
  tree.attach(below, two!, 'd');
  expect([one!.share.entries, two!.share.entries, two!.share.directories]).toEqual([0, 3, 2]);
  expect(tree.remove(two!).sort()).toEqual([11, 20]);
  expect([all.entries, all.directories, tree.entries, tree.has(below), tree.has(one!)]).toEqual([0, 1, 1, false, true]);
});

describe('where a pattern really is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'puppy-roots-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'usr/bin'), { recursive: true });
  symlinkSync('usr/bin', join(folder, 'bin'));

  test.each([
    ['bin/**', 'usr/bin/**'],
    ['bin/*/x', 'usr/bin/*/x'],
    ['bin', 'bin'],
    ['bin/later/file', 'usr/bin/later/file'],
    ['none/x', 'none/x'],
  ])('%s is %s', (pattern, real) => expect(realPattern(join(folder, pattern))).toBe(join(folder, real)));
  test('in a container it is by the container’s names', () => {
    mkdirSync(join(folder, 'c/real/etc'), { recursive: true });
    symlinkSync('/real/etc', join(folder, 'c/etc'));
    symlinkSync('../../../..', join(folder, 'c/up'));
    symlinkSync('loop', join(folder, 'c/loop'));
    const real = (pattern: string) => realPattern(pattern, path => `${folder}/c${path}`);
    expect(['/etc/**', '/etc/ssh/x', '/up/etc/a', '/loop/a', '/no/a', '/etc'].map(real)).toEqual([
      ...['/real/etc/**', '/real/etc/ssh/x', '/real/etc/a', '/loop/a', '/no/a', '/etc'],
    ]);
  });
  test('/**', () => expect([realPattern('/**'), realPattern('/etc'), realPattern('/')]).toEqual(['/**', '/etc', '/']));
});

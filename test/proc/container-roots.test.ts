import { afterAll, describe, expect, test } from 'bun:test';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mount, parseMounts } from '../../src/fsnotify/mounts.ts';
import { type Look, rootsOf } from '../../src/proc/container-mounts.ts';
import { ContainerStorage } from '../../src/proc/container-storage.ts';

describe('what a container has of the host', () => {
  const upper = 'rw,lowerdir=/a:/b,upperdir=/d/o/1/diff,workdir=/d/o/1/work';
  const host = parseMounts(`1 0 8:1 / / rw - ext4 /dev/sda rw
2 1 8:1 /d /d rw - ext4 /dev/sda rw
3 2 0:40 / /d/o/1/merged rw - overlay overlay ${upper}
4 1 8:2 /sub /mnt rw - ext4 /dev/sdb rw
5 1 0:50 / /kube/secret rw - tmpfs tmpfs rw`);
  const inside = parseMounts(`10 9 0:40 / / rw - overlay overlay rw,upperdir=/etc,workdir=/usr
11 10 0:41 / /proc rw - proc proc rw
12 10 0:42 / /dev rw - tmpfs tmpfs rw
13 12 0:43 / /dev/shm rw - tmpfs shm rw
14 10 8:1 /d/vol/_data /data rw - ext4 /dev/sda rw
15 10 8:1 /d/c/1/hosts /etc/hosts rw - ext4 /dev/sda rw
16 10 8:1 /d/c/1/name /etc/hostname rw - ext4 /dev/sda rw
17 10 8:2 /sub/x /x rw - ext4 /dev/sdb rw
18 10 8:2 /other /y rw - ext4 /dev/sdb rw
19 10 0:50 / /secret ro - tmpfs tmpfs rw
20 10 8:1 /null /null rw - ext4 /dev/sda rw
21 10 8:1 / /host rw - ext4 /dev/sda rw
22 14 0:60 / /data/remote rw - nfs srv:/x rw
23 22 0:61 / /data/remote/x rw - tmpfs tmpfs rw`);

  /** What is where: a number for each file, by either path. */
  const places: Readonly<Record<string, readonly [number, 'd' | 'f' | 'c']>> = {
    '/d/o/1/merged': [1, 'd'],
    '/p/root': [1, 'd'],
    '/p/root/dev': [2, 'd'],
    '/p/root/dev/shm': [3, 'd'],
    '/p/root/data': [4, 'd'],
    '/d/vol/_data': [4, 'd'],
    '/p/root/etc/hosts': [5, 'f'],
    '/d/c/1/hosts': [5, 'f'],
    '/p/root/etc/hostname': [6, 'f'],
    '/d/c/1/name': [6, 'f'],
    '/p/root/x': [7, 'd'],
    // Something else is mounted over it.
    '/mnt/x': [99, 'd'],
    '/p/root/y': [8, 'd'],
    '/p/root/secret': [9, 'd'],
    '/kube/secret': [9, 'd'],
    '/p/root/null': [10, 'c'],
    '/p/root/host': [11, 'd'],
    '/': [11, 'd'],
  };
  const asked: string[] = [];
  const look: Look = path => {
    asked.push(path);
    const [inode, kind] = places[path] ?? [0, undefined];
    return kind && { inode, major: 8, minor: 1, mode: { d: 0o040755, f: 0o100644, c: 0o020666 }[kind] };
  };
  const found = rootsOf({ containerId: 'c', ofUser: false, through: '/p/root', mounts: inside }, host, look);

  test('by the host’s names where it has any, else through a process; never all of the host', () => {
    expect(found.map(({ at, path, files }) => [files === undefined ? at : [...files], path])).toEqual([
      ['', '/d/o/1/merged'],
      ['/dev', '/p/root/dev'],
      ['/dev/shm', '/p/root/dev/shm'],
      ['/data', '/d/vol/_data'],
      ['/x', '/p/root/x'],
      ['/y', '/p/root/y'],
      ['/secret', '/kube/secret'],
      ['/data/remote', '/p/root/data/remote'],
      [
        [
          ['hosts', '/etc/hosts'],
          ['name', '/etc/hostname'],
        ],
        '/d/c/1',
      ],
    ]);
  });

  test('nobody waits for a server that may be gone', () => {
    expect(asked.filter(path => path.includes('remote'))).toEqual([]);
  });

  test('what is mounted in one is not of it', () => {
    const data = found.find(({ at }) => at === '/data');
    expect([...(data?.mounts ?? [])]).toEqual(['/data/remote', '/data/remote/x']);
    expect(found[0]?.mounts.has('/dev/shm')).toBe(true);
  });

  test('its layers are where the host says, not where it says itself', () => {
    expect(found[0]?.stores).toEqual(['/d/o/1/diff', '/d/o/1/work']);
    const unseen = rootsOf({ containerId: 'c', ofUser: false, through: '/p/root', mounts: inside }, [], look);
    expect(unseen[0]).toMatchObject({ path: '/p/root', at: '', stores: [] });
    const users = rootsOf({ containerId: 'c', ofUser: true, through: '/p/root', mounts: inside }, host, look);
    expect(users[0]).toMatchObject({ path: '/d/o/1/merged', stores: [] });
  });
});

describe('the container of a mount', () => {
  const folder = mkdtempSync(join(tmpdir(), 'puppy-storage-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const hex = (digit: string): string => digit.repeat(64);
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const mount = (point: string, type = 'overlay'): Mount => ({
    ...{ id: '1', dev: '0:1', root: '/', options: 'rw' },
    ...{ point, type },
  });
  const storage = new ContainerStorage();
  write(`image/overlay2/layerdb/mounts/${hex('a')}/mount-id`, hex('1'));
  write(`image/overlay2/layerdb/mounts/${hex('b')}/mount-id`, `${hex('2')}\n`);
  write('overlay-containers/containers.json', JSON.stringify([{ id: hex('c'), layer: hex('3') }, 'x', null]));

  const rows: readonly (readonly [string, string | undefined])[] = [
    [`${folder}/overlay2/${hex('1')}/merged`, hex('a')],
    [`${folder}/overlay2/${hex('2')}/merged`, hex('b')],
    [`${folder}/overlay2/${hex('9')}/merged`, undefined],
    [`${folder}/overlay2/${hex('1')}-init/merged`, undefined],
    [`${folder}/overlay/${hex('3')}/merged`, hex('c')],
    [`${folder}/overlay/${hex('4')}/merged`, undefined],
    [`/run/containerd/io.containerd.runtime.v2.task/k8s.io/${hex('d')}/rootfs`, hex('d')],
    ['/run/containerd/io.containerd.runtime.v2.task/default/web_1/rootfs', 'web_1'],
    [`/var/lib/docker/rootfs/overlayfs/${hex('e')}`, hex('e')],
    ['/mnt/overlay', undefined],
  ];
  test.each(rows)('%s', (point, id) => expect(storage.containerOf(mount(point))).toBe(id));

  test('one that came later; of no other kind of mount, and by nobody’s word but root’s', () => {
    const later = `${folder}/overlay2/${hex('5')}/merged`;
    expect(storage.containerOf(mount(later))).toBeUndefined();
    write(`image/overlay2/layerdb/mounts/${hex('f')}/mount-id`, hex('5'));
    expect(storage.containerOf(mount(later))).toBe(hex('f'));
    expect(storage.containerOf(mount(later, 'tmpfs'))).toBeUndefined();
    chownSync(join(folder, 'overlay-containers/containers.json'), 1000, 1000);
    expect(storage.containerOf(mount(`${folder}/overlay/${hex('3')}/merged`))).toBeUndefined();
  });
});

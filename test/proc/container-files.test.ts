// What runtimes' files tell, and that no file can stall or fool whoever reads it.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { parseMounts } from '../../src/fsnotify/mounts.ts';
import { openDetails, RUNTIME_PATHS, type RuntimePaths } from '../../src/proc/container-details.ts';
import { containersJsonDetails, dockerDetails, imageName, specDetails } from '../../src/proc/container-files.ts';
import { containerOfMounts, upperDirectory } from '../../src/proc/container-parse.ts';
import type { ContainerDetails, ContainerRef } from '../../src/proc/facts.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const docker = (name: string, id = A): unknown => ({
  ID: id,
  Name: `/${name}`,
  Config: { Image: 'shop/web:2', Labels: {} },
});

describe('what a file says', () => {
  test("Docker's, and its API's answer", () => {
    const Labels = { role: 'x', 'io.kubernetes.pod.name': 'p', 'io.kubernetes.pod.namespace': 'n', odd: 7, empty: '' };
    const json = { ID: A, Name: '/web', Config: { Image: 'reg:5000/shop/web:2@sha256:00', Labels } };
    const expected: ContainerDetails = {
      runtime: 'docker',
      name: 'web',
      image: { name: 'reg:5000/shop/web', tag: '2' },
      labels: { role: 'x', 'io.kubernetes.pod.name': 'p', 'io.kubernetes.pod.namespace': 'n' },
      pod: { name: 'p', namespace: 'n' },
    };
    expect(dockerDetails(json, A)).toEqual(expected);
    expect(dockerDetails({ ...json, ID: undefined, Id: A }, A)).toEqual(expected);
    expect(dockerDetails(json, B)).toBeUndefined();
  });

  test("podman's list, and a bundle of Kubernetes'", () => {
    const list = [
      { id: B },
      { id: A, names: ['web'], metadata: '{"image-name":"docker.io/library/nginx:1","name":"web"}' },
    ];
    expect(containersJsonDetails(list, A)).toEqual({
      runtime: 'podman',
      name: 'web',
      image: { name: 'docker.io/library/nginx', tag: '1' },
    });
    const annotations = {
      'io.kubernetes.cri.container-name': 'app',
      'io.kubernetes.cri.image-name': 'docker.io/library/nginx:1',
      'io.kubernetes.cri.sandbox-name': 'web-0',
      'io.kubernetes.cri.sandbox-namespace': 'shop',
    };
    expect(specDetails({ annotations }, 'containerd')).toEqual({
      runtime: 'containerd',
      name: 'app',
      image: { name: 'docker.io/library/nginx', tag: '1' },
      pod: { name: 'web-0', namespace: 'shop' },
    });
    const crio = {
      'io.kubernetes.container.name': 'app',
      'io.kubernetes.pod.name': 'web-0',
      'io.kubernetes.cri-o.Labels': '{"a":"b"}',
    };
    expect(specDetails({ annotations: crio }, 'cri-o')).toEqual({
      ...{ runtime: 'cri-o', name: 'app', labels: { a: 'b' }, pod: { name: 'web-0' } },
    });
  });

  test('an image by its hash alone has no name', () => {
    expect(imageName('nginx')).toEqual({ name: 'nginx' });
    expect(imageName(`sha256:${A}`)).toBeUndefined();
    expect(imageName('')).toBeUndefined();
    expect(imageName(':x')).toBeUndefined();
  });

  test('anything at all', () => {
    fc.assert(
      fc.property(fc.anything(), json => {
        for (const found of [dockerDetails(json, A), containersJsonDetails(json, A), specDetails(json, 'cri-o')])
          expect(JSON.stringify(found) ?? '').not.toContain('""');
      }),
    );
  });
});

describe('mounts', () => {
  const line = (root: string, point: string, type: string, options: string): string =>
    `36 35 0:50 ${root} ${point} rw,relatime shared:1 - ${type} x ${options}`;

  test('the upper directory of the root, if it is a plain one', () => {
    const upper = (options: string): string | undefined =>
      upperDirectory(parseMounts(`${line('/', '/', 'overlay', options)}\n${line('/', '/proc', 'proc', 'rw')}\n`));
    expect(upper('rw,lowerdir=/l/A:/l/B,upperdir=/d/overlay2/x\\040y/diff,workdir=/w')).toBe('/d/overlay2/x y/diff');
    for (const odd of ['rw,upperdir=x/diff', 'rw,upperdir=/d/../etc', 'rw,lowerdir=/a', 'rw,upperdir=/a/./b'])
      expect([odd, upper(odd)]).toEqual([odd, undefined]);
    expect(upperDirectory(parseMounts(line('/', '/', 'ext4', 'rw,upperdir=/x')))).toBeUndefined();
  });

  test('files that runtimes lay over', () => {
    const of = (root: string, point: string) => containerOfMounts(parseMounts(line(root, point, 'ext4', 'rw')));
    expect(of(`/lib/docker/containers/${A}/hostname`, '/etc/hostname')).toEqual({ id: A, runtime: 'docker' });
    expect(of(`/containers/overlay-containers/${A}/userdata/hosts`, '/etc/hosts')).toEqual({
      id: A,
      runtime: 'podman',
    });
    expect(of(`/lib/docker/containers/${A}/hostname`, '/mnt/hostname')).toBeUndefined();
  });
});

describe('reading them', () => {
  let dir: string;
  let paths: RuntimePaths;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'puppy-runtimes-'));
    paths = {
      ...RUNTIME_PATHS,
      docker: join(dir, 'docker'),
      dockerSocket: join(dir, 'docker.sock'),
      storage: join(dir, 'storage'),
      runStorage: join(dir, 'run'),
      bundles: [join(dir, 'absent'), join(dir, 'bundles')],
      passwd: join(dir, 'passwd'),
    };
    writeFileSync(paths.passwd, `root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::${dir}/alice:/bin/sh\n`);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  function put(path: string, json: unknown, owner = 0): string {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(json));
    if (owner !== 0) chownSync(path, owner, owner);
    return path;
  }

  let count = 0;
  /** The first answer, within a second; else that there was none yet. */
  async function details(ref: Partial<ContainerRef>, upper?: string): Promise<ContainerDetails | undefined> {
    const reader = openDetails(paths);
    const whole = { id: A, scope: `/${count++}`, ...ref };
    expect(reader.get(whole, () => upper)).toBeUndefined();
    for (let i = 0; i < 25; i++) {
      await Bun.sleep(10);
      const found = reader.get(whole, () => upper);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const configOf = (id: string): string => join(paths.docker, 'containers', id, 'config.v2.json');

  test("Docker's folder, also where it is another", async () => {
    put(configOf(A), docker('web'));
    expect((await details({ runtime: 'docker' }))?.name).toBe('web');
    put(join(dir, 'elsewhere/containers', B, 'config.v2.json'), docker('other', B));
    expect((await details({ id: B }, join(dir, 'elsewhere/overlay2/x/diff')))?.name).toBe('other');
  });

  test('containerd, cri-o, podman; LXC needs none', async () => {
    put(join(dir, 'bundles/k8s.io', B, 'config.json'), { annotations: { 'io.kubernetes.cri.container-name': 'app' } });
    expect(await details({ id: B, runtime: 'containerd' })).toEqual({ runtime: 'containerd', name: 'app' });
    put(join(dir, 'run/overlay-containers', B, 'userdata/config.json'), {
      annotations: { 'io.kubernetes.container.name': 'app2' },
    });
    expect(await details({ id: B, runtime: 'cri-o' })).toEqual({ runtime: 'cri-o', name: 'app2' });
    put(join(dir, 'storage/overlay-containers/containers.json'), [{ id: B, names: ['p'] }]);
    expect(await details({ id: B, runtime: 'podman' })).toEqual({ runtime: 'podman', name: 'p' });
    expect(await details({ id: 'web', runtime: 'lxc' })).toEqual({ name: 'web' });
  });

  test("a user's container is looked for in the user's own files, one in another nowhere", async () => {
    const own = join(dir, 'alice/.local/share/containers/storage/overlay-containers/containers.json');
    put(own, [{ id: A, names: ['mine'] }], 1000);
    expect(await details({ runtime: 'podman', owner: 1000 })).toEqual({ runtime: 'podman', name: 'mine' });
    expect(await details({ runtime: 'docker', owner: 1000 })).toBeUndefined();
    expect(await details({ runtime: 'podman', owner: 1234 })).toEqual({});
    expect(await details({ runtime: 'docker', outer: B })).toEqual({});
  });

  test('an answer over the socket', async () => {
    const server = Bun.serve({
      unix: paths.dockerSocket,
      fetch: request =>
        new URL(request.url).pathname === `/containers/${'c'.repeat(64)}/json`
          ? Response.json({ Id: 'c'.repeat(64), Name: '/by-socket', Config: { Image: 'x' } })
          : new Response('no such container', { status: 404 }),
    });
    expect((await details({ id: 'c'.repeat(64), runtime: 'docker' }))?.name).toBe('by-socket');
    await server.stop(true);
  });

  test('files that are none, of others, too large or damaged: nothing, and nobody waits', async () => {
    const ids = [...'123456'].map(digit => digit.repeat(64));
    const [fifo, link, foreign, large, damaged, another] = ids as [string, string, string, string, string, string];
    mkdirSync(dirname(configOf(fifo)), { recursive: true });
    execFileSync('mkfifo', [configOf(fifo)]);
    put(configOf(A), docker('web'));
    mkdirSync(dirname(configOf(link)), { recursive: true });
    symlinkSync(configOf(A), configOf(link));
    put(configOf(foreign), docker('fake', foreign), 1000);
    truncateSync(put(configOf(large), docker('large', large)), 50 * 2 ** 30);
    truncateSync(put(configOf(damaged), docker('damaged', damaged)), 20);
    put(configOf(another), docker('another', A));
    for (const id of ids) expect([id[0], await details({ id, runtime: 'docker' })]).toEqual([id[0], undefined]);
  });
});

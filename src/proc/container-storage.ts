// Which container a mount of the host's is the root directory of, before any process runs in it: by the folders and files that runtimes
// keep, which only root writes (edge: those files).

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import type { Mount } from '../fsnotify/mounts.ts';
import { containerOfLayer } from './container-files.ts';

const FILE_MAX_BYTES = 4 * 1024 * 1024;
const CONTAINERS_MAX = 8_192;
const ID = /^[0-9a-f]{64}$/;

/** containerd's bundles, also those of Docker's, k3s' and others; nerdctl's and ctr's ids are names. */
const BUNDLE = /\/io\.containerd\.runtime\.v[12]\.[\w-]+\/[\w.-]{1,76}\/([\w.-]{1,128})\/rootfs$/;
/** Docker with containerd's snapshots. */
const SNAPSHOT = /\/rootfs\/[\w-]+\/([0-9a-f]{64})$/;
const DOCKER = /^(.+)\/overlay2\/([0-9a-f]{64})\/merged$/;
/** podman and cri-o. */
const STORAGE = /^(.+)\/overlay\/([0-9a-f]{64})\/merged$/;

export class ContainerStorage {
  /** By the folder in which Docker has what it knows of each container: containers and the names of their layers. */
  readonly #layers = new Map<string, ReadonlyMap<string, string>>();

  /** The container's id; undefined where it's no container's, or nobody says so. */
  containerOf({ point, type }: Mount): string | undefined {
    if (type !== 'overlay') return undefined;
    const id = (BUNDLE.exec(point) ?? SNAPSHOT.exec(point))?.[1];
    if (id !== undefined) return id;
    const [, docker, layer] = DOCKER.exec(point) ?? [];
    if (docker !== undefined && layer !== undefined) return this.#ofDocker(docker, layer);
    const [, storage, name] = STORAGE.exec(point) ?? [];
    if (storage === undefined || name === undefined) return undefined;
    return containerOfLayer(parse(readRoots(`${storage}/overlay-containers/containers.json`)), name);
  }

  #ofDocker(root: string, layer: string): string | undefined {
    const folder = `${root}/image/overlay2/layerdb/mounts`;
    const find = (): string | undefined => {
      for (const [id, name] of this.#layers.get(folder) ?? []) if (name === layer) return id;
      return undefined;
    };
    const known = find();
    if (known !== undefined) return known;
    const before = this.#layers.get(folder);
    const now = new Map<string, string>();
    for (const id of namesIn(folder).slice(0, CONTAINERS_MAX)) {
      const name = before?.get(id) ?? (ID.test(id) ? readRoots(`${folder}/${id}/mount-id`)?.trim() : undefined);
      if (name !== undefined) now.set(id, name);
    }
    this.#layers.set(folder, now);
    return find();
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A regular file of root's, as text. */
function readRoots(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.uid !== 0 || stat.size > FILE_MAX_BYTES) return undefined;
    const bytes = Buffer.alloc(stat.size);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0));
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}

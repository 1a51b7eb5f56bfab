// What runtimes tell of their containers: name, image, labels, pod. From their files, which need no daemon's answer, and from Docker's
// socket where its files are elsewhere. All of it asynchronous, bounded, and never waited for.

import { constants } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { containersJsonDetails, dockerDetails, specDetails } from './container-files.ts';
import type { ContainerDetails, ContainerRef } from './facts.ts';

export interface RuntimePaths {
  readonly docker: string;
  readonly dockerSocket: string;
  /** Where containerd (its own, k3s', MicroK8s', Docker's) has its running containers: NAMESPACE/ID/config.json. */
  readonly bundles: readonly string[];
  /** cri-o's and podman's storage: what lasts, and what is gone with a boot. */
  readonly storage: string;
  readonly runStorage: string;
  readonly passwd: string;
}

export const RUNTIME_PATHS: RuntimePaths = {
  docker: '/var/lib/docker',
  dockerSocket: '/run/docker.sock',
  bundles: [
    '/run/containerd/io.containerd.runtime.v2.task',
    '/run/k3s/containerd/io.containerd.runtime.v2.task',
    '/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task',
    '/run/docker/containerd/daemon/io.containerd.runtime.v2.task',
  ],
  storage: '/var/lib/containers/storage',
  runStorage: '/run/containers/storage',
  passwd: '/etc/passwd',
};

const FILE_MAX_BYTES = 4 * 1024 * 1024;
const SOCKET_TIMEOUT_MS = 2_000;
const NAMESPACES_MAX = 32;
/** Two at a time. One that hangs (a dead file server under a runtime's folder) makes names absent, and stops nothing. */
const AT_ONCE = 2;
const WAITING_MAX = 1_024;
/** A runtime may write its file just after it made the cgroup. */
const RETRY_AFTER_MS = [300, 2_000, 10_000];

export interface DetailsReader {
  /** Undefined while nothing is known; empty when nothing is to be found. */
  get(ref: ContainerRef, upper: () => string | undefined): ContainerDetails | undefined;
}

interface Answer {
  details: ContainerDetails | undefined;
}

const NOTHING: ContainerDetails = {};
const ANSWERS_MAX = 4_096;

export function openDetails(paths: RuntimePaths = RUNTIME_PATHS): DetailsReader {
  const answers = new Map<string, Answer>();
  const waiting: (() => Promise<void>)[] = [];
  let active = 0;

  const next = (): void => {
    while (active < AT_ONCE) {
      const job = waiting.shift();
      if (job === undefined) return;
      active++;
      void job().finally(() => {
        active--;
        next();
      });
    }
  };

  const ask = (ref: ContainerRef, upper: () => string | undefined, answer: Answer, attempt: number): void => {
    if (waiting.length >= WAITING_MAX) {
      answer.details = NOTHING;
      return;
    }
    waiting.push(async () => {
      // What can't be read says nothing: an id alone is a valid answer.
      const details = await find(ref, upper(), paths).catch(() => undefined);
      const pause = RETRY_AFTER_MS[attempt];
      if (details !== undefined || pause === undefined) answer.details = details ?? NOTHING;
      else setTimeout(() => ask(ref, upper, answer, attempt + 1), pause).unref();
    });
    next();
  };

  return {
    get(ref, upper) {
      const before = answers.get(ref.scope);
      if (before !== undefined) return before.details;
      const answer: Answer = { details: undefined };
      if (answers.size >= ANSWERS_MAX) answers.delete(answers.keys().next().value!);
      answers.set(ref.scope, answer);
      ask(ref, upper, answer, 0);
      return answer.details;
    },
  };
}

async function find(
  ref: ContainerRef,
  upper: string | undefined,
  paths: RuntimePaths,
): Promise<ContainerDetails | undefined> {
  const { id, runtime, owner, outer } = ref;
  // The runtime of a container within another is in there too.
  if (outer !== undefined) return NOTHING;
  if (runtime === 'lxc' || runtime === 'nspawn') return { name: id };
  if (!/^[\w.-]{1,128}$/.test(id)) return NOTHING;
  const may = (...names: string[]): boolean => runtime === undefined || names.includes(runtime);
  const read = (path: string): Promise<unknown> => readJson(path, owner);
  const home = owner === undefined ? undefined : await homeOf(owner, paths.passwd);
  if (owner !== undefined && home === undefined) return NOTHING;

  if (may('docker')) {
    const roots = [home === undefined ? paths.docker : `${home}/.local/share/docker`];
    const other = upper === undefined ? undefined : /^(.+)\/(?:overlay2|rootfs)\//.exec(upper)?.[1];
    if (other !== undefined && other !== roots[0]) roots.push(other);
    for (const root of roots) {
      const found = dockerDetails(await read(`${root}/containers/${id}/config.v2.json`), id);
      if (found !== undefined) return found;
    }
    if (owner === undefined) {
      const found = dockerDetails(await inspect(paths.dockerSocket, id), id);
      if (found !== undefined) return found;
    }
  }
  if (may('podman')) {
    const root = home === undefined ? paths.storage : `${home}/.local/share/containers/storage`;
    const found = containersJsonDetails(await read(`${root}/overlay-containers/containers.json`), id);
    if (found !== undefined) return found;
  }
  if (owner !== undefined) return undefined;
  if (may('cri-o')) {
    const found = specDetails(await read(`${paths.runStorage}/overlay-containers/${id}/userdata/config.json`), 'cri-o');
    if (found !== undefined) return found;
  }
  for (const bundles of may('containerd') ? paths.bundles : []) {
    const namespaces = await readdir(bundles).catch(() => []);
    for (const namespace of namespaces.slice(0, NAMESPACES_MAX)) {
      const found = specDetails(await read(`${bundles}/${namespace}/${id}/config.json`), 'containerd');
      // Docker has its containers in containerd too, under a namespace of its own.
      if (found !== undefined) return namespace === 'moby' ? { runtime: 'docker' } : found;
    }
  }
  return undefined;
}

/** A file of root's, or of the user whose container it is; nothing else, and none that could block. */
async function readJson(path: string, owner: number | undefined): Promise<unknown> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(
    () => undefined,
  );
  if (file === undefined) return undefined;
  try {
    const { uid, size } = await file.stat().then(found => (found.isFile() ? found : { uid: -1, size: 0 }));
    if ((uid !== 0 && uid !== owner) || size > FILE_MAX_BYTES) return undefined;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
    return JSON.parse(buffer.toString('utf8', 0, bytesRead));
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

/** Docker's answer over its socket. */
async function inspect(socket: string, id: string): Promise<unknown> {
  try {
    if ((await stat(socket)).uid !== 0) return undefined;
    const response = await fetch(`http://docker/containers/${id}/json`, {
      unix: socket,
      signal: AbortSignal.timeout(SOCKET_TIMEOUT_MS),
    });
    const text = response.ok ? await response.text() : '';
    return text.length === 0 || text.length > FILE_MAX_BYTES ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function homeOf(uid: number, passwd: string): Promise<string | undefined> {
  const text = await readFile(passwd, 'utf8').catch(() => '');
  for (const line of text.split('\n', 100_000)) {
    const fields = line.split(':', 7);
    if (fields[2] === String(uid) && fields[5]?.startsWith('/')) return fields[5];
  }
  return undefined;
}

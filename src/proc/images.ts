// Images out of what /proc or a record says of a process that no exec event was seen of.

import type { Container, Origin, ProcessImage } from '../core/event.ts';
import type { TaskFacts } from '../core/observation.ts';
import type { CredentialStore } from './credentials.ts';
import type { ProcFacts } from './facts.ts';
import { makeImage } from './image.ts';

export function imageFromProc(
  facts: ProcFacts,
  entitySeed: string,
  startMs: number | undefined,
  foreignRoot: boolean,
  container: Container | undefined,
  store: CredentialStore,
): ProcessImage {
  // A file that never had a name keeps the form that audit gives it.
  const executable = facts.exeDeleted && facts.exe?.startsWith('/memfd:') ? `${facts.exe} (deleted)` : facts.exe;
  return makeImage({
    pid: facts.pid,
    entitySeed,
    executable,
    comm: facts.comm,
    args: facts.args,
    argsCount: facts.argsTruncated ? undefined : facts.args?.length,
    cwd: facts.cwd,
    startMs,
    tty: facts.tty,
    credentials: store.credentials(facts),
    login: store.login(facts.auid, facts.auditSession),
    foreignRoot,
    container,
    origin: 'proc',
  });
}

export function imageFromTask(
  task: TaskFacts,
  entitySeed: string,
  startMs: number | undefined,
  foreignRoot: boolean,
  container: Container | undefined,
  store: CredentialStore,
  origin: Origin = 'audit',
): ProcessImage {
  return makeImage({
    pid: task.pid,
    entitySeed,
    executable: task.exe,
    comm: task.comm,
    startMs,
    tty: task.tty,
    credentials: store.credentials(task),
    login: store.login(task.auid, task.session),
    foreignRoot,
    container,
    origin,
  });
}

/** A fork runs what its parent does. */
export function imageOfFork(
  parent: ProcessImage,
  pid: number,
  entitySeed: string,
  startMs: number | undefined,
): ProcessImage {
  return makeImage({ ...parent, pid, entitySeed, startMs, foreignRoot: parent.foreignRoot === true, origin: 'cache' });
}

/** The image with what a later record says of the same task: ids, login, terminal and name can change without an exec. */
export function withTask(image: ProcessImage, task: TaskFacts, store: CredentialStore): ProcessImage {
  // Only a SYSCALL record has them all; others (a user-space message, an io_uring worker's) tell a part, and their absence says nothing.
  const whole = task.euid !== undefined;
  const credentials = whole ? store.credentials(task) : image.credentials;
  const toldLogin = whole || task.auid !== undefined || task.session !== undefined;
  const login = toldLogin ? store.login(task.auid, task.session) : image.login;
  const tty = whole ? task.tty : image.tty;
  const comm = whole && task.comm !== undefined ? task.comm : image.comm;
  if (credentials === image.credentials && login === image.login && tty === image.tty && comm === image.comm)
    return image;
  return makeImage({ ...image, credentials, login, tty, comm, foreignRoot: image.foreignRoot === true });
}

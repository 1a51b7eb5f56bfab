// execve and execveat: what was started, how it was called, and by which names it was found.

import type { ExecFailedObservation, ExecObservation } from '../../core/observation.ts';
import { type AuditEvent, FLAG } from '../event.ts';
import { KEY } from '../keys.ts';
import { AT_FDCWD, eventCwd, joinPath, PATH, pathName } from '../paths.ts';
import type { Facts } from './facts.ts';

/** What dynamic linkers are called: glibc's, musl's, the old ones, Android's. */
const LOADER = /\/(?:ld(?:-[\w.+-]+)?(?:64)?\.so(?:\.\d+)?|ld-[\w.+-]+\.so\.\d+|ld64\.so\.\d|linker(?:64)?)$/;

const NO_NAMES: readonly string[] = [];

export function exec(facts: Facts, isExecveat: boolean): ExecObservation | ExecFailedObservation | undefined {
  const { event } = facts;
  const task = facts.task();
  if (task === undefined) return undefined;
  const cwd = eventCwd(event);
  // execveat's name is relative to its descriptor.
  const isItem0Relative = isExecveat && facts.hex32('a0') !== AT_FDCWD;
  const success = facts.success();
  if (success !== true) {
    const target = firstName(facts, cwd, isItem0Relative);
    const observation = facts.observation<ExecFailedObservation>('exec_failed');
    observation.task = task;
    // Without `success` the task died on its way into the new image.
    facts.setOutcome(observation, success === false ? 'failure' : 'unknown');
    if (target !== undefined) observation.target = target;
    return observation;
  }
  const args = event.args();
  if (event.flags & FLAG.argvTruncated) facts.warn('argv_truncated');
  else if (event.flags & FLAG.argvGap) facts.warn('argv_incomplete');
  const invoked = invokedNames(facts, cwd, isItem0Relative);
  const observation = facts.observation<ExecObservation>('exec');
  observation.task = task;
  observation.invoked = invoked;
  observation.outcome = 'success';
  // No argument where there must be one: the first record of them is missing.
  if (args !== undefined && (args.length > 0 || event.argc === 0)) observation.args = args;
  if (event.argc >= 0) observation.argsCount = event.argc;
  if (cwd !== undefined) observation.cwd = cwd;
  const file = identity(event);
  if (file !== undefined) observation.file = file;
  return observation;
}

/** Whether record `index` is the PATH of item 0. */
function isItem0(event: AuditEvent, index: number): boolean {
  const item = event.fieldAt(index, KEY.item);
  return item >= 0 && event.number(item) === 0;
}

function item0(event: AuditEvent): number | undefined {
  for (let i = 0; i < event.recordCount; i++) if (event.type(i) === PATH && isItem0(event, i)) return i;
  return undefined;
}

function firstName(facts: Facts, cwd: string | undefined, isElsewhere: boolean): string | undefined {
  const record = item0(facts.event);
  const name = record === undefined ? undefined : pathName(facts.event, record);
  return name === undefined ? undefined : absolute(facts, name, cwd, isElsewhere);
}

function absolute(facts: Facts, name: string, cwd: string | undefined, isElsewhere: boolean): string | undefined {
  if (name.startsWith('/')) return joinPath('', name);
  if (isElsewhere) {
    facts.warn('path_relative_to_fd');
    return undefined;
  }
  return cwd === undefined ? name : joinPath(cwd, name);
}

/** The names of every PATH item before the ELF loader. */
function invokedNames(facts: Facts, cwd: string | undefined, isItem0Elsewhere: boolean): readonly string[] {
  const { event } = facts;
  let names: string[] | undefined;
  let paths = 0;
  let isLastLoader = false;
  for (let i = 0; i < event.recordCount; i++) {
    if (event.type(i) !== PATH) continue;
    const raw = pathName(event, i);
    isLastLoader = false;
    paths++;
    if (raw === undefined) continue;
    const name = absolute(facts, raw, cwd, isItem0Elsewhere && isItem0(event, i));
    if (name === undefined) continue;
    isLastLoader = paths > 1 && (name.includes('/ld') || name.includes('/linker')) && LOADER.test(name);
    if (names === undefined) names = [name];
    else names.push(name);
  }
  // The kernel opens the loader last, and a script's interpreter may bear any name.
  if (isLastLoader) names?.pop();
  return names ?? NO_NAMES;
}

function identity(event: AuditEvent): ExecObservation['file'] {
  const record = item0(event);
  if (record === undefined) return undefined;
  const dev = event.fieldAt(record, KEY.dev);
  const inode = event.fieldAt(record, KEY.inode);
  return dev < 0 || inode < 0 ? undefined : { dev: event.raw(dev), inode: event.raw(inode) };
}

// A file's content was opened to be read, or a socket of the file system was connected to. The kernel tells of either only where a rule
// asks for it, ours or the host's.

import type { FileFacts } from '../../core/event.ts';
import { fileTypeOf } from '../../core/file-type.ts';
import type { FileObservation } from '../../core/observation.ts';
import type { AuditEvent } from '../event.ts';
import { keyPaths } from '../kernel-rules/own-keys.ts';
import { KEY, type Key } from '../keys.ts';
import { absoluteName, PATH } from '../paths.ts';
import type { Draft, Facts } from './facts.ts';
import { openFlags } from './open-flags.ts';

const O_ACCMODE = 0o3;
const O_WRONLY = 0o1;
/** Gives a place in the file system, not a file's content. The same on all architectures that we know. */
const O_PATH = 0o10000000;

/** Undefined where nothing was read, or where the file can't be named. */
export function access(facts: Facts, name: string): FileObservation | undefined {
  const { event } = facts;
  if (name !== 'connect') {
    const flags = openFlags(facts, name);
    if (flags !== undefined && ((flags & O_ACCMODE) === O_WRONLY || (flags & O_PATH) !== 0)) return undefined;
  }
  const record = openedRecord(event);
  if (record === undefined) return undefined;
  const path = nameOf(facts, record);
  if (path === undefined) return undefined;
  const file = fileFacts(event, record, path);
  const observation = facts.observation<FileObservation>('accessed');
  const success = facts.success();
  facts.setOutcome(observation, success === undefined ? 'unknown' : success ? 'success' : 'failure');
  observation.file = file;
  observation.teller = 'audit';
  const task = facts.task();
  if (task !== undefined) observation.task = task;
  return observation;
}

/** The file itself is the last: what stands before it is its folder. A file that the call made wasn't read. */
function openedRecord(event: AuditEvent): number | undefined {
  for (let i = event.recordCount - 1; i >= 0; i--) {
    if (event.type(i) !== PATH) continue;
    const type = event.fieldAt(i, KEY.nametype);
    const text = type < 0 ? undefined : event.raw(type);
    return text === 'NORMAL' || text === 'UNKNOWN' ? i : undefined;
  }
  return undefined;
}

/**
 * As a rule names the file, if its watch tells: the kernel finds watched files by their inode, by whichever link or descriptor they are
 * opened. With a folder in the event, the watch may be the folder's.
 */
function nameOf(facts: Facts, record: number): string | undefined {
  const { event } = facts;
  const name = absoluteName(event, record);
  const keys = facts.decoded('key');
  const paths = keys === undefined ? [] : keyPaths(keys);
  if (paths.length === 0 || (name !== undefined && (paths.includes(name) || hasFolder(event)))) return name;
  facts.warn('other_name');
  return paths[0];
}

const hasFolder = (event: AuditEvent): boolean => {
  const first = event.find(PATH);
  const type = first === undefined ? -1 : event.fieldAt(first, KEY.nametype);
  return type >= 0 && event.raw(type) === 'PARENT';
};

function fileFacts(event: AuditEvent, record: number, path: string): FileFacts {
  const at = (key: Key): number => event.fieldAt(record, KEY[key]);
  const text = (key: Key): string | undefined => (at(key) < 0 ? undefined : event.text(at(key)));
  const id = (key: Key): number | undefined => (at(key) < 0 ? undefined : event.id(at(key)));
  const facts: Draft<FileFacts> = { path };
  const inode = text('inode');
  if (inode === undefined) return facts;
  facts.inode = inode;
  const dev = text('dev');
  if (dev !== undefined) facts.dev = dev;
  const mode = Number.parseInt(text('mode') ?? '', 8);
  if (!Number.isNaN(mode)) {
    facts.mode = mode & 0o7777;
    const type = fileTypeOf(mode);
    if (type !== undefined) facts.type = type;
  }
  const owner = id('ouid');
  if (owner !== undefined) facts.owner = { id: owner };
  const group = id('ogid');
  if (group !== undefined) facts.group = { id: group };
  return facts;
}

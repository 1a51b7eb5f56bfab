// The file of a line read back: the inverse of file.ts. Pure.

import {
  FILE_KINDS,
  type FileEvent,
  type FileFacts,
  type FileKind,
  type FilePackage,
  type FileState,
  type FileType,
  HASH_ALGORITHMS,
} from '../../core/event.ts';
import { known, oneOf, type Reader, unlessEmpty } from './reader.ts';

const TYPES: readonly FileType[] = ['file', 'dir', 'symlink', 'fifo', 'socket', 'device'];
const TELLERS = ['fanotify', 'inotify', 'audit', 'scan'] as const;
const MANAGERS = ['dpkg', 'rpm'] as const;
const STATES = ['intact', 'changed', 'installing'] as const;

export const isFileKind = (action: string): action is FileKind => (FILE_KINDS as readonly string[]).includes(action);

function account(line: Reader, id: string, name: string) {
  const number = line.number(id);
  return number === undefined ? undefined : known<{ id: number; name?: string }>({ id: number, name: line.text(name) });
}

function stateOf(line: Reader, capabilities: string | undefined): FileState {
  const mode = line.text('mode');
  const hash = line.at('hash');
  return known<FileState>({
    type: oneOf(TYPES, line.text('type')),
    inode: line.text('inode'),
    mode: mode !== undefined && /^[0-7]{1,4}$/.test(mode) ? Number.parseInt(mode, 8) : undefined,
    owner: account(line, 'uid', 'owner'),
    group: account(line, 'gid', 'group'),
    size: line.number('size'),
    mtimeMs: line.timeMs('mtime'),
    ctimeMs: line.timeMs('ctime'),
    target: line.text('target_path'),
    hashes: unlessEmpty(known(Object.fromEntries(HASH_ALGORITHMS.map(name => [name, hash.text(name)])))),
    capabilities,
  });
}

function packageOf(line: Reader): FilePackage | undefined {
  const manager = oneOf(MANAGERS, line.text('manager'));
  const state = oneOf(STATES, line.text('state'));
  if (manager === undefined || state === undefined) return undefined;
  return known<FilePackage>({ manager, state, name: line.text('name'), version: line.text('version') });
}

/** What only file events have. */
export function filePartsOf(line: Reader): Pick<FileEvent, 'file' | 'teller'> {
  const puppy = line.at('puppy.file');
  const previous = puppy.at('previous');
  const file: FileFacts = {
    path: line.text('file.path') ?? '',
    ...stateOf(line.at('file'), puppy.text('capabilities')),
    ...known<Partial<FileFacts>>({
      hostPath: puppy.text('host_path'),
      previousPath: previous.text('path'),
      movedTo: puppy.text('moved_to'),
      dev: puppy.text('device'),
      previous: unlessEmpty(stateOf(previous, previous.text('capabilities'))),
      package: packageOf(puppy.at('package')),
      diff: puppy.text('diff'),
    }),
  };
  return { file, teller: oneOf(TELLERS, line.text('puppy.origin.file')) ?? 'scan' };
}

// A file as ECS has it, and what ECS has no words for under `puppy.file`. Pure.

import type { FileEvent, FileFacts, FileState, HashAlgorithm } from '../../core/event.ts';
import { HASH_ALGORITHMS } from '../../core/event.ts';
import { baseName, directoryOf, extensionOf, modeText } from '../../core/paths.ts';
import { type Caps, capped, put, unlessEmpty, type Warnings } from './caps.ts';
import { isoTime } from './context.ts';
import type { JsonObject } from './json.ts';

/** What a diff may take of a line. */
const DIFF_BYTES = 4_096;

function stateObject(state: FileState, caps: Caps, warnings: Warnings): JsonObject {
  const object: JsonObject = {};
  put(object, 'type', state.type);
  put(object, 'inode', state.inode);
  if (state.mode !== undefined) object.mode = modeText(state.mode);
  if (state.owner !== undefined) {
    object.uid = String(state.owner.id);
    put(object, 'owner', capped(state.owner.name, 256, warnings));
  }
  if (state.group !== undefined) {
    object.gid = String(state.group.id);
    put(object, 'group', capped(state.group.name, 256, warnings));
  }
  put(object, 'size', state.size);
  if (state.mtimeMs !== undefined) put(object, 'mtime', isoTime(state.mtimeMs));
  if (state.ctimeMs !== undefined) put(object, 'ctime', isoTime(state.ctimeMs));
  put(object, 'target_path', capped(state.target, caps.textBytes, warnings));
  const hash: JsonObject = {};
  for (const name of HASH_ALGORITHMS) put(hash, name, state.hashes?.[name]);
  put(object, 'hash', unlessEmpty(hash));
  return object;
}

export function fileObject(file: FileFacts, caps: Caps, warnings: Warnings): JsonObject {
  const object: JsonObject = {};
  put(object, 'path', capped(file.path, caps.textBytes, warnings));
  put(object, 'name', capped(baseName(file.path), 1_024, warnings));
  put(object, 'directory', capped(directoryOf(file.path), caps.textBytes, warnings));
  put(object, 'extension', capped(extensionOf(file.path), 256, warnings));
  return Object.assign(object, stateObject(file, caps, warnings));
}

/** `puppy.file`, or undefined where there is nothing to say. */
export function fileExtras({ file }: FileEvent, caps: Caps, warnings: Warnings): JsonObject | undefined {
  const object: JsonObject = {};
  put(object, 'host_path', capped(file.hostPath, caps.textBytes, warnings));
  put(object, 'moved_to', capped(file.movedTo, caps.textBytes, warnings));
  put(object, 'device', file.dev);
  put(object, 'capabilities', capped(file.capabilities, 1_024, warnings));
  const previous: JsonObject = {};
  put(previous, 'path', capped(file.previousPath, caps.textBytes, warnings));
  if (file.previous !== undefined) {
    Object.assign(previous, stateObject(file.previous, caps, warnings));
    put(previous, 'capabilities', capped(file.previous.capabilities, 1_024, warnings));
  }
  put(object, 'previous', unlessEmpty(previous));
  if (file.package !== undefined) {
    const { manager, name, version, state } = file.package;
    const owner: JsonObject = { manager, state };
    put(owner, 'name', capped(name, 256, warnings));
    put(owner, 'version', capped(version, 256, warnings));
    object.package = owner;
  }
  put(object, 'diff', capped(file.diff, Math.min(DIFF_BYTES, caps.blobBytes), warnings));
  return unlessEmpty(object);
}

/** For `related.hash`. */
export const hashesOf = ({ hashes }: FileFacts): string[] =>
  HASH_ALGORITHMS.flatMap((name: HashAlgorithm) => hashes?.[name] ?? []);

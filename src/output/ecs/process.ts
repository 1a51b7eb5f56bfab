// A process image as ECS has it, with its parent and ancestors. Pure.

import type { Credentials, Process, ProcessImage } from '../../core/event.ts';
import { baseName } from '../../core/paths.ts';
import { type Caps, capped, cappedList, put, unlessEmpty, Warnings } from './caps.ts';
import { type EcsContext, entityId, identity, isoTime, known } from './context.ts';
import { cutToJsonBytes, type Json, type JsonObject, jsonBytes, toJson } from './json.ts';

/** `process.user` is the effective user, `real_user` and `saved_user` the others; the same for groups. */
export function accounts(credentials: Credentials, context: EcsContext): JsonObject {
  const cached = context.accounts.get(credentials);
  if (cached !== undefined) return cached;
  const made: JsonObject = {};
  put(made, 'user', identity(credentials.euid));
  put(made, 'real_user', identity(credentials.uid));
  put(made, 'saved_user', identity(credentials.suid));
  put(made, 'group', identity(credentials.egid));
  put(made, 'real_group', identity(credentials.gid));
  put(made, 'saved_group', identity(credentials.sgid));
  context.accounts.set(credentials, made);
  return made;
}

/** Everything of an image but its arguments and command line. */
function imageObject(image: ProcessImage, context: EcsContext, caps: Caps, warnings: Warnings): JsonObject {
  const object: JsonObject = { pid: image.pid, entity_id: entityId(image, context) };
  const executable = capped(image.executable, caps.textBytes, warnings);
  if (executable !== undefined) {
    object.executable = executable;
    put(object, 'name', known(baseName(executable)));
  }
  const count = image.argsCount ?? image.args?.length;
  if (count !== undefined) object.args_count = count;
  put(object, 'working_directory', capped(image.cwd, caps.textBytes, warnings));
  if (image.startMs !== undefined) put(object, 'start', isoTime(image.startMs));
  if (image.credentials !== undefined) {
    const ids = accounts(image.credentials, context);
    for (const key in ids) object[key] = ids[key]!;
  }
  if (image.args !== undefined && count !== undefined && image.args.length < count) warnings.add('argv_truncated');
  return object;
}

function addArguments(object: JsonObject, image: ProcessImage): void {
  if (image.args !== undefined) object.args = image.args;
  put(object, 'command_line', known(image.commandLine));
}

/** What was made of this image before, if that needed no warning: a warning belongs to each line. */
function remembered(
  cache: WeakMap<ProcessImage, JsonObject>,
  image: ProcessImage,
  warnings: Warnings,
  make: (own: Warnings) => JsonObject,
): JsonObject {
  const cached = cache.get(image);
  if (cached !== undefined) return cached;
  const own = new Warnings([], 0);
  const made = make(own);
  if (own.list.length === 0) cache.set(image, made);
  for (const code of own.list) warnings.add(code);
  return made;
}

export function processObject(process: Process, context: EcsContext, caps: Caps, warnings: Warnings): JsonObject {
  const object = imageObject(process.image, context, caps, warnings);
  if (caps.whole) addArguments(object, process.image);
  const parent = process.ancestors[0];
  if (parent !== undefined) {
    object.parent = caps.whole
      ? remembered(context.parents, parent, warnings, own => {
          const made = imageObject(parent, context, caps, own);
          addArguments(made, parent);
          return made;
        })
      : imageObject(parent, context, caps, warnings);
  } else if (process.parentPid !== undefined) {
    object.parent = { pid: process.parentPid };
  }
  return object;
}

/** `puppy.process`: what ECS has no field for. */
export function processExtras(image: ProcessImage, caps: Caps, warnings: Warnings): JsonObject | undefined {
  const object: JsonObject = {};
  if (image.invoked !== undefined) put(object, 'invoked', cappedList(image.invoked, caps, warnings));
  put(object, 'comm', capped(image.comm, 512, warnings));
  put(object, 'tty', capped(image.tty, 512, warnings));
  if (image.foreignRoot === true) object.root = 'foreign';
  return unlessEmpty(object);
}

export function loginObject(image: ProcessImage, warnings: Warnings): JsonObject | undefined {
  const login = image.login;
  if (login === undefined) return undefined;
  const object: JsonObject = identity(login.auid) ?? {};
  if (login.session !== undefined) object.session = login.session;
  put(object, 'terminal', capped(login.terminal, 512, warnings));
  put(object, 'address', capped(login.address, 512, warnings));
  return unlessEmpty(object);
}

function ancestorObject(image: ProcessImage, context: EcsContext, caps: Caps, warnings: Warnings): JsonObject {
  const object: JsonObject = { pid: image.pid, entity_id: entityId(image, context) };
  const executable = capped(image.executable, caps.textBytes, warnings);
  if (executable !== undefined) {
    object.executable = executable;
    put(object, 'name', known(baseName(executable)));
  }
  return object;
}

const MAX_ANCESTORS = 16;

export function ancestorList(
  process: Process,
  context: EcsContext,
  caps: Caps,
  warnings: Warnings,
): Json[] | undefined {
  if (process.ancestors.length === 0) return undefined;
  const list: Json[] = [];
  for (const image of process.ancestors) {
    if (list.length === MAX_ANCESTORS) break;
    list.push(
      remembered(context.ancestors, image, warnings, own => {
        const made = ancestorObject(image, context, caps, own);
        put(made, 'command_line', known(image.commandLine));
        return made;
      }),
    );
  }
  return list;
}

/** Characters of all that a whole line would hold of arguments and ancestors; stops counting above `stopAt`. */
export function roughArgvUnits(process: Process, stopAt: number): number {
  let units = 0;
  const add = (image: ProcessImage, args: boolean): void => {
    units += image.commandLine?.length ?? 0;
    if (!args || image.args === undefined) return;
    for (const arg of image.args) {
      units += arg.length + 3;
      if (units > stopAt) return;
    }
  };
  add(process.image, true);
  for (let i = 0; i < process.ancestors.length && units <= stopAt; i++) add(process.ancestors[i]!, i === 0);
  return units;
}

/** Puts as many arguments into `object` as fit into `budget` bytes, the last one cut; gives back the bytes used. */
function fillArguments(object: JsonObject, args: readonly string[] | undefined, budget: number): number {
  if (args === undefined) return 0;
  let used = 11; // ,"args":[]
  if (used > budget) return 0;
  const list: string[] = [];
  for (const arg of args) {
    const room = budget - used - 3; // quotes and comma
    if (room < 0) break;
    const cut = cutToJsonBytes(arg, room);
    list.push(cut);
    used += jsonBytes(cut) + 3;
    if (cut.length < arg.length) break;
  }
  object.args = list;
  return used;
}

function fillCommandLine(object: JsonObject, text: string | undefined, budget: number): number {
  const line = known(text);
  const overhead = 18; // ,"command_line":""
  if (line === undefined || budget <= overhead) return 0;
  const cut = cutToJsonBytes(line, budget - overhead);
  if (known(cut) === undefined) return 0;
  object.command_line = cut;
  return jsonBytes(cut) + overhead;
}

/**
 * Adds arguments, command lines and ancestors to a line that was built without them, in at most `budget` bytes altogether: a fifth
 * at most for the ancestors, a tenth each for the parent's two texts, the rest for the process itself. True if anything had to be cut.
 */
export function fillArgv(
  process: Process,
  target: { readonly process: JsonObject; readonly puppy: JsonObject },
  context: EcsContext,
  caps: Caps,
  warnings: Warnings,
  budget: number,
): boolean {
  let left = budget;
  let ancestorsCut = process.ancestors.length > 0 && left <= 0;
  let anyCut = false;
  if (left > 0 && process.ancestors.length > 0) {
    const list: Json[] = [];
    let room = Math.floor(left / 5) - 16; // ,"ancestors":[]
    for (const image of process.ancestors.slice(0, MAX_ANCESTORS)) {
      ancestorsCut = true;
      const object = ancestorObject(image, context, caps, warnings);
      const bare = Buffer.byteLength(toJson(object)) + 1;
      if (bare > room) break;
      room -= bare + fillCommandLine(object, image.commandLine, Math.min(room - bare, 512));
      list.push(object);
      ancestorsCut = object.command_line !== known(image.commandLine) || anyCut;
      anyCut = ancestorsCut;
    }
    if (list.length > 0) {
      target.puppy.ancestors = list;
      left = left - Math.floor(left / 5) + Math.max(0, room);
    }
  }
  const parent = process.ancestors[0];
  if (parent !== undefined) {
    const parentObject = target.process.parent as JsonObject;
    const share = Math.floor(left / 10);
    left -= fillArguments(parentObject, parent.args, share);
    left -= fillCommandLine(parentObject, parent.commandLine, share);
  }
  left -= fillArguments(target.process, process.image.args, Math.floor(left / 2));
  fillCommandLine(target.process, process.image.commandLine, left);
  return (
    !holdsAll(target.process, process.image) ||
    ancestorsCut ||
    (parent !== undefined && !holdsAll(target.process.parent as JsonObject, parent))
  );
}

/** Whether `object` was given all of the image's arguments and its whole command line. */
function holdsAll(object: JsonObject, image: ProcessImage): boolean {
  const args = object.args as readonly string[] | undefined;
  if (args?.length !== image.args?.length || args?.at(-1) !== image.args?.at(-1)) return false;
  return object.command_line === known(image.commandLine);
}

// Process images: made once, never changed. Pure.

import type { Container, Credentials, Login, Origin, ProcessImage } from '../core/event.ts';
import type { Mutable } from '../core/mutable.ts';
import type { TaskFacts } from '../core/observation.ts';
import { withoutDeleted } from './parse.ts';

/** What an image is made of; unlike in an image, `undefined` stands for absent. */
export interface ImageParts {
  readonly pid: number;
  readonly entitySeed: string;
  readonly executable?: string | undefined;
  readonly invoked?: readonly string[] | undefined;
  readonly comm?: string | undefined;
  readonly args?: readonly string[] | undefined;
  /** Absent where not even the number is known. */
  readonly argsCount?: number | undefined;
  readonly cwd?: string | undefined;
  readonly startMs?: number | undefined;
  readonly tty?: string | undefined;
  readonly credentials?: Credentials | undefined;
  readonly login?: Login | undefined;
  readonly foreignRoot: boolean;
  readonly container?: Container | undefined;
  readonly drift?: boolean | undefined;
  readonly origin: Origin;
}

/** Absent parts give absent fields. (Assignments, since an object spread for each is ten times slower.) */
export function makeImage(parts: ImageParts): ProcessImage {
  const image: Mutable<ProcessImage> = { pid: parts.pid, entitySeed: parts.entitySeed, origin: parts.origin };
  if (parts.executable !== undefined) image.executable = parts.executable;
  if (parts.invoked !== undefined && parts.invoked.length > 0) image.invoked = parts.invoked;
  if (parts.comm !== undefined) image.comm = parts.comm;
  if (parts.args !== undefined) {
    image.args = parts.args;
    image.commandLine = parts.args.join(' ');
  }
  if (parts.argsCount !== undefined) image.argsCount = parts.argsCount;
  if (parts.cwd !== undefined) image.cwd = parts.cwd;
  if (parts.startMs !== undefined) image.startMs = parts.startMs;
  if (parts.tty !== undefined) image.tty = parts.tty;
  if (parts.credentials !== undefined) image.credentials = parts.credentials;
  if (parts.login !== undefined) image.login = parts.login;
  if (parts.foreignRoot) image.foreignRoot = true;
  if (parts.container !== undefined) image.container = parts.container;
  if (parts.drift === true) image.drift = true;
  return image;
}

const OBJECT_BYTES = 400;
const ARGUMENT_BYTES = 24;

/** About how much memory an image holds. */
export function imageBytes(image: ProcessImage): number {
  return (
    OBJECT_BYTES +
    (image.executable?.length ?? 0) +
    (image.cwd?.length ?? 0) +
    (image.commandLine?.length ?? 0) * 2 +
    (image.args?.length ?? 0) * ARGUMENT_BYTES
  );
}

/**
 * The image as the table keeps it: one with huge arguments is kept with the first of them only, so that a flood of such processes
 * can't push everybody else out. The event of the process itself has them all.
 */
export function boundedImage(image: ProcessImage, maxBytes: number): ProcessImage {
  if (image.args === undefined || imageBytes(image) <= maxBytes) return image;
  const args: string[] = [];
  let left = maxBytes - OBJECT_BYTES;
  for (const arg of image.args) {
    const cost = ARGUMENT_BYTES + arg.length * 2;
    if (cost > left) {
      // By way of bytes: a slice would keep the whole string alive.
      if (left > ARGUMENT_BYTES) args.push(Buffer.from(arg.slice(0, (left - ARGUMENT_BYTES) >> 1)).toString());
      break;
    }
    args.push(arg);
    left -= cost;
  }
  return makeImage({ ...image, args, foreignRoot: image.foreignRoot === true });
}

/** The same executable, whether or not its file has been deleted meanwhile. */
export function sameExecutable(a: string, b: string): boolean {
  return a === b || withoutDeleted(a) === withoutDeleted(b);
}

/** Surely: both are known. */
export function runsSameExecutable(task: TaskFacts, parent: ProcessImage): boolean {
  return task.exe !== undefined && parent.executable !== undefined && sameExecutable(task.exe, parent.executable);
}

export function executableAgrees(task: TaskFacts, image: ProcessImage): boolean {
  return task.exe === undefined || image.executable === undefined || sameExecutable(task.exe, image.executable);
}

export function commAgrees(task: TaskFacts, image: ProcessImage): boolean {
  return task.comm === undefined || image.comm === undefined || task.comm === image.comm;
}

// A file that grows by lines: appended, rotated by size and age, opened anew on demand, never through somebody else's symlink.

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { type Channel, Sink, type SinkOptions } from './sink.ts';

export interface FileOptions {
  readonly path: string;
  /** Rotated before it would grow beyond this. */
  readonly maxSizeBytes?: number;
  /** Rotated when its first line is older than this. */
  readonly maxAgeMs?: number;
  /** Old files kept, as PATH.1 (the newest) to PATH.N. */
  readonly keep?: number;
  /** Failures that don't stop writing: a rotation that wasn't possible. */
  readonly onWarning?: (message: string) => void;
}

const DEFAULT_MAX_SIZE_BYTES = 100 * 1024 * 1024;
const DEFAULT_KEEP = 5;
const MODE = 0o640;
const WORLD_WRITABLE = 0o002;
const LOOK_EVERY_MS = 5_000;
const ROTATE_RETRY_MS = 60_000;

class UnsafePathError extends Error {
  readonly code = 'EUNSAFE';
}

function lstatOrAbsent(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * In a directory where anybody can put names, a symlink may point anywhere: refused unless it is root's or our own. True if the last
 * directory is such a one.
 */
function checkPath(path: string): boolean {
  const parts = path.split('/').filter(part => part !== '');
  let directory = '/';
  let open = (statSync('/').mode & WORLD_WRITABLE) !== 0;
  for (const [index, part] of parts.entries()) {
    const next = join(directory, part);
    const stat = lstatOrAbsent(next);
    if (stat?.isSymbolicLink() === true && open && (index === parts.length - 1 || !ours(stat))) {
      throw new UnsafePathError(`${next} is a symbolic link in a directory that everybody can write to`);
    }
    if (index === parts.length - 1) break;
    directory = next;
    open = (statSync(directory).mode & WORLD_WRITABLE) !== 0;
  }
  return open;
}

function ours(stat: Stats): boolean {
  return stat.uid === 0 || stat.uid === process.geteuid?.();
}

class FileChannel implements Channel {
  readonly #options: FileOptions;
  readonly #path: string;
  readonly #nowMs: () => number;
  #fd = -1;
  #size = 0;
  #inode = 0;
  #device = 0;
  #bornMs = 0;
  #lookedMs = 0;
  #noRotationBeforeMs = 0;

  constructor(options: FileOptions, nowMs: () => number = Date.now) {
    this.#options = options;
    this.#path = resolve(options.path);
    this.#nowMs = nowMs;
    this.#open();
  }

  #open(): void {
    const open = checkPath(this.#path);
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOCTTY | constants.O_NONBLOCK;
    const fd = openSync(this.#path, open ? flags | constants.O_NOFOLLOW : flags, MODE);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new UnsafePathError(`${this.#path} is not a regular file`);
      if (open && (stat.nlink > 1 || !ours(stat))) {
        throw new UnsafePathError(`${this.#path} belongs to somebody else, in a directory that everybody can write to`);
      }
      if (stat.size === 0) fchmodSync(fd, MODE);
      this.#size = stat.size;
      this.#inode = stat.ino;
      this.#device = stat.dev;
      this.#bornMs = stat.size === 0 ? this.#nowMs() : stat.birthtimeMs || stat.mtimeMs;
      this.#lookedMs = this.#nowMs();
      this.#endLastLine(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#fd = fd;
  }

  /** After a crash the file may end within a line: it is ended, so that the next line stands alone. */
  #endLastLine(fd: number): void {
    if (this.#size === 0) return;
    const last = Buffer.alloc(1);
    readSync(fd, last, 0, 1, this.#size - 1);
    if (last[0] !== 0x0a) this.#size += writeSync(fd, '\n');
  }

  write(buffer: Buffer, offset: number): number {
    if (this.#fd < 0) this.#open();
    const count = writeSync(this.#fd, buffer, offset, buffer.length - offset);
    this.#size += count;
    return count;
  }

  roomBytes(nextBytes: number): number {
    if (this.#fd < 0) this.#open();
    const now = this.#nowMs();
    if (now - this.#lookedMs >= LOOK_EVERY_MS || now < this.#lookedMs) this.#look(now);
    const { maxSizeBytes = DEFAULT_MAX_SIZE_BYTES, maxAgeMs } = this.#options;
    const old = maxAgeMs !== undefined && this.#size > 0 && now - this.#bornMs >= maxAgeMs;
    // A line that alone is longer than a file may be still gets a file of its own.
    const full = this.#size > 0 && this.#size + nextBytes > maxSizeBytes;
    if ((old || full) && now >= this.#noRotationBeforeMs) this.#rotate(now);
    return Math.max(0, maxSizeBytes - this.#size);
  }

  /** Somebody may have moved or deleted the file: writing on would be losing silently. */
  #look(now: number): void {
    this.#lookedMs = now;
    const stat = lstatOrAbsent(this.#path);
    if (stat?.isSymbolicLink() === true) return;
    if (stat === undefined || stat.ino !== this.#inode || stat.dev !== this.#device) this.reopen();
    else this.#size = stat.size;
  }

  #rotate(now: number): void {
    const keep = this.#options.keep ?? DEFAULT_KEEP;
    try {
      if (keep === 0) unlinkSync(this.#path);
      else {
        for (let i = keep - 1; i >= 1; i--) {
          if (lstatOrAbsent(`${this.#path}.${i}`) !== undefined)
            renameSync(`${this.#path}.${i}`, `${this.#path}.${i + 1}`);
        }
        renameSync(this.#path, `${this.#path}.1`);
      }
      this.reopen();
    } catch (error) {
      this.#noRotationBeforeMs = now + ROTATE_RETRY_MS;
      this.#options.onWarning?.(
        `cannot rotate ${this.#path}: ${error instanceof Error ? error.message : String(error)}`,
      );
      if (this.#fd < 0) this.#open();
    }
  }

  reopen(): void {
    this.close();
    this.#open();
  }

  takeBack(bytes: number): void {
    // Somebody else's lines behind ours must stay: then the half line stays too.
    if (this.#fd < 0 || fstatSync(this.#fd).size !== this.#size) return;
    ftruncateSync(this.#fd, this.#size - bytes);
    this.#size -= bytes;
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    closeSync(fd);
  }
}

/** Throws if the file can't be opened: a wrong path is told at the start, not retried for ever. */
export function fileSink(file: FileOptions, options: SinkOptions = {}): Sink {
  return new Sink(`file:${file.path}`, new FileChannel(file, options.nowMs), options);
}

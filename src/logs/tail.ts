// One log file, read as it grows, over every way in which logs are rotated (edge: files). A renamed file is read on for a while, as its
// writer may not have noticed; a truncated one from its beginning.

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { LineSplitter, type OnLine } from './splitter.ts';

/** How long a rotated file's writer may take to notice (a service manager's signal, a buffer's flush). */
const ROTATED_MS = 10_000;
/** Further behind, what is oldest is skipped. */
const BEHIND_MAX_BYTES = 16 * 1024 * 1024;
const BEHIND_KEPT_BYTES = 1024 * 1024;
/** Of what is skipped at once, at most this much is read to count its lines. */
const COUNTED_MAX_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 128 * 1024;

/** Shared: reading is synchronous. */
const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);

class OpenFile {
  readonly fd: number;
  readonly inode: string;
  readonly splitter: LineSplitter;
  offset = 0;

  constructor(fd: number, stat: Stats, maxLineBytes: number) {
    this.fd = fd;
    this.inode = inodeOf(stat);
    this.splitter = new LineSplitter(maxLineBytes);
  }
}

export interface Skipped {
  readonly lines: number;
  /** Some were not counted: there are at most this many. */
  readonly upperBound: boolean;
}

export interface TailSink {
  line: OnLine;
  skipped(skipped: Skipped): void;
  /** The file can't be read, or no longer grows but shrank. Told once for each cause. */
  problem(message: string): void;
}

export class FileTail {
  readonly path: string;
  private readonly maxLineBytes: number;
  private readonly sink: TailSink;
  private file: OpenFile | undefined;
  private rotated: { readonly file: OpenFile; readonly untilMs: number } | undefined;
  private told: string | undefined;

  constructor(path: string, maxLineBytes: number, sink: TailSink) {
    this.path = path;
    this.maxLineBytes = maxLineBytes;
    this.sink = sink;
  }

  get isOpen(): boolean {
    return this.file !== undefined;
  }

  /** Begins at the end: what was written before the agent is the past. */
  start(): void {
    this.open();
    if (this.file !== undefined) this.file.offset = this.sizeOf(this.file);
  }

  /** Reads what came since, at most about `budgetBytes`; `nowMs` is monotonic. */
  poll(nowMs: number, budgetBytes: number): void {
    if (this.rotated !== undefined) {
      this.read(this.rotated.file, budgetBytes);
      if (nowMs >= this.rotated.untilMs) this.leave();
    }
    if (this.file === undefined) this.open();
    const { file } = this;
    if (file === undefined) return;
    const size = this.sizeOf(file);
    if (size < file.offset) {
      this.sink.problem(`${this.path} was truncated: what came just before may not have been read`);
      file.offset = 0;
      file.splitter.forget();
    }
    if (size - file.offset > BEHIND_MAX_BYTES) this.skip(file, size - BEHIND_KEPT_BYTES);
    if (this.read(file, budgetBytes)) this.follow(file, nowMs);
  }

  stop(): void {
    this.leave();
    if (this.file !== undefined) closeSync(this.file.fd);
    this.file = undefined;
  }

  /** At the file's end: whether the path is another file by now. */
  private follow(file: OpenFile, nowMs: number): void {
    let inode: string | undefined;
    try {
      inode = inodeOf(statSync(this.path));
    } catch {
      // Renamed, and the new one isn't there yet: this one is read on.
      return;
    }
    if (inode === file.inode) return;
    this.leave();
    this.rotated = { file, untilMs: nowMs + ROTATED_MS };
    this.file = undefined;
    this.open();
  }

  private leave(): void {
    if (this.rotated === undefined) return;
    const { file } = this.rotated;
    this.rotated = undefined;
    file.splitter.end(this.sink.line);
    closeSync(file.fd);
  }

  private open(): void {
    let fd: number | undefined;
    try {
      // A FIFO must not make the agent wait.
      fd = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new Error('not a regular file');
      this.file = new OpenFile(fd, stat, this.maxLineBytes);
      this.told = undefined;
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') this.tell(`${this.path} can't be read: ${code ?? message}`);
    }
  }

  /** True where the end was reached. */
  private read(file: OpenFile, budgetBytes: number): boolean {
    for (let left = budgetBytes; left > 0; ) {
      const n = this.readPiece(file, Math.min(left, PIECE_BYTES));
      if (n === 0) return true;
      file.splitter.push(piece.subarray(0, n), this.sink.line);
      left -= n;
    }
    return false;
  }

  /** What was read already, where a file system that went away doesn't tell. */
  private sizeOf(file: OpenFile): number {
    try {
      return fstatSync(file.fd).size;
    } catch (error) {
      this.tell(`${this.path} can't be read: ${(error as NodeJS.ErrnoException).code}`);
      return file.offset;
    }
  }

  private readPiece(file: OpenFile, bytes: number): number {
    try {
      const n = readSync(file.fd, piece, 0, bytes, file.offset);
      file.offset += n;
      return n;
    } catch (error) {
      this.tell(`${this.path} can't be read: ${(error as NodeJS.ErrnoException).code}`);
      return 0;
    }
  }

  private skip(file: OpenFile, to: number): void {
    const countedTo = Math.min(to, file.offset + COUNTED_MAX_BYTES);
    let lines = 0;
    while (file.offset < countedTo) {
      const n = this.readPiece(file, Math.min(countedTo - file.offset, PIECE_BYTES));
      if (n === 0) break;
      for (let at = piece.indexOf(10); at >= 0 && at < n; at = piece.indexOf(10, at + 1)) lines++;
    }
    const uncounted = to - file.offset;
    file.offset = to;
    file.splitter.skipLine();
    this.sink.skipped({ lines: lines + uncounted + 1, upperBound: uncounted > 0 });
  }

  private tell(message: string): void {
    if (message === this.told) return;
    this.told = message;
    this.sink.problem(message);
  }
}

const inodeOf = (stat: Stats): string => `${stat.dev}:${stat.ino}`;

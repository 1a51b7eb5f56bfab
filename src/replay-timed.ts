// Logs and packets of the past as observations in the order of their times (edge: files). Beside an audit log, each comes before the
// audit event that follows it.

import { readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { safeText } from './core/text.ts';
import { filePieces } from './file-pieces.ts';
import { type LogObservation, LogObserver } from './logs/observe.ts';
import { LineSplitter } from './logs/splitter.ts';
import type { CaptureItem, CaptureReplay } from './replay-capture.ts';

export interface LineFile {
  readonly path: string;
  readonly gzip: boolean;
}

const PIECE_BYTES = 64 * 1024;
const UNPACKED_MAX_BYTES = 512 * 1024 * 1024;

export type Timed = LogObservation | CaptureItem;

interface Source {
  readonly observations: Generator<Timed, undefined>;
  next: Timed | undefined;
  /** The latest time so far: a line that is out of order waits for nobody. */
  timeMs: number;
}

export class TimedReplay {
  lines = 0;
  events = 0;
  private readonly sources: Source[];
  private readonly give: (observation: Timed) => void;
  private readonly maxLineBytes: number;
  private readonly onBytes: (bytes: number) => void;

  /** `captures`: files of packets. Throws Error that names the file; so do the others. */
  constructor(
    files: readonly LineFile[],
    captures: readonly CaptureReplay[],
    maxLineBytes: number,
    give: (observation: Timed) => void,
    onBytes: (bytes: number) => void,
  ) {
    this.maxLineBytes = maxLineBytes;
    this.give = give;
    this.onBytes = onBytes;
    const all = [...files.map(file => this.read(file)), ...captures.map(capture => capture.observations())];
    this.sources = all.map(observations => {
      const next = observations.next().value;
      return { observations, next, timeMs: next?.timeMs ?? 0 };
    });
  }

  /** Gives the observations up to a time, at most `count`. True if there may be more of them. */
  upTo(timeMs: number, count = Number.POSITIVE_INFINITY): boolean {
    for (let left = count; left > 0; left--) {
      let first: Source | undefined;
      for (const source of this.sources) {
        if (source.next !== undefined && source.timeMs <= timeMs && source.timeMs < (first?.timeMs ?? Infinity)) {
          first = source;
        }
      }
      if (first === undefined) return false;
      this.events++;
      this.give(first.next!);
      first.next = first.observations.next().value;
      first.timeMs = Math.max(first.timeMs, first.next?.timeMs ?? 0);
    }
    return true;
  }

  private *read(file: LineFile): Generator<LogObservation, undefined> {
    const observer = new LogObserver(this.maxLineBytes);
    const splitter = new LineSplitter(this.maxLineBytes);
    const nowMs = Math.floor(statSync(file.path).mtimeMs);
    let found: LogObservation[] = [];
    const onLine = (bytes: Buffer, truncated: boolean): void => {
      if (bytes.length === 0) return;
      this.lines++;
      const observed = observer.line(safeText(bytes), { nowMs, path: file.path, truncated });
      if (typeof observed !== 'string') for (const one of observed) found.push({ ...one, createdMs: one.timeMs });
    };
    for (const piece of file.gzip ? this.unpacked(file.path) : this.pieces(file.path)) {
      splitter.push(piece, onLine);
      yield* found;
      found = [];
    }
    splitter.end(onLine);
    yield* found;
  }

  private *pieces(path: string): Generator<Buffer> {
    for (const piece of filePieces(path, PIECE_BYTES)) {
      this.onBytes(piece.length);
      yield piece;
    }
  }

  private *unpacked(path: string): Generator<Buffer> {
    const packed = readFileSync(path);
    let bytes: Buffer;
    try {
      bytes = gunzipSync(packed, { maxOutputLength: UNPACKED_MAX_BYTES });
    } catch (error) {
      throw new Error(`${path}: ${(error as Error).message}; unpack it first`);
    }
    this.onBytes(packed.length);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
  }
}

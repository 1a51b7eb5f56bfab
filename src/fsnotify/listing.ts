// What a directory holds, piece by piece, so that nobody waits for a large one (edge: files). What isn't read to its end must be closed.

import { native } from '../../native/index.ts';
import { safeText, textBytes } from '../core/text.ts';
import type { Seen } from './pending.ts';

/** So many entries at once: about 100. */
const PIECE_BYTES = 4 * 1024;

export interface ListedEntry extends Seen {
  readonly name: string;
}

const buffer = Buffer.alloc(PIECE_BYTES);
const out = new Float64Array(1);

export class Listing {
  /** Everything was given. */
  isWhole = false;
  /** The reader's number; 0: there is no more. */
  private scan = 0;
  private piece: readonly ListedEntry[] = [];

  /** The directory's first entries, or the error number. */
  static open(path: string): Listing | number {
    const listing = new Listing();
    const size = listing.read(textBytes(path));
    return size < 0 ? -size : listing;
  }

  /** Whether there may be more. */
  get isOpen(): boolean {
    return this.scan !== 0 || this.piece.length > 0;
  }

  /** The next entries: some, or none yet. */
  next(): readonly ListedEntry[] {
    if (this.piece.length === 0 && this.scan !== 0) this.read(this.scan);
    const { piece } = this;
    this.piece = [];
    return piece;
  }

  close(): void {
    if (this.scan !== 0) native().fsListEnd(this.scan);
    this.scan = 0;
    this.piece = [];
  }

  private read(from: Uint8Array | number): number {
    const size = native().fsList(from, buffer, out);
    this.scan = out[0]!;
    this.isWhole = this.scan === 0 && size >= 0;
    this.piece = entriesIn(size);
    return size;
  }
}

function entriesIn(size: number): ListedEntry[] {
  const entries: ListedEntry[] = [];
  for (let at = 0; at < size; at += buffer.readInt32LE(at)) {
    entries.push({
      mode: buffer.readUInt32LE(at + 4),
      inode: buffer.readDoubleLE(at + 8),
      mtimeMs: buffer.readDoubleLE(at + 16),
      ctimeMs: buffer.readDoubleLE(at + 24),
      links: buffer.readUInt32LE(at + 32),
      name: safeText(buffer, at + 40, at + 40 + buffer.readInt32LE(at + 36)),
    });
  }
  return entries;
}

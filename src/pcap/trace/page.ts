// One page of tracefs' ring buffer (include/linux/ring_buffer.h) as records. Pure, and for little-endian machines alone. Whatever the
// bytes are, it ends after one pass and reads none that aren't the page's.

import type { PageFormat } from './format.ts';

export interface PageSinks {
  /** `timeNs` by the trace's clock, as a number: exact for 104 days since boot, and then to 2 ns. */
  record(bytes: Buffer, at: number, length: number, timeNs: number): void;
  /** Some that came before this page weren't read in time; at least so many, where the kernel doesn't say. */
  lost(count: number, pageTimeNs: number): void;
}

/** The low bits of `commit` are the length of the data, the highest two say that records before were overwritten (and how many). */
const COMMIT_MASK = (1 << 27) - 1;
const MISSED = 1 << 31;
const MISSED_COUNT_FOLLOWS = 1 << 30;

const PADDING = 29;
const TIME_EXTEND = 30;
const TIME_STAMP = 31;
const TIME_BITS = 27;

const u64 = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);

/** False where the page isn't one: what could be read of it was told. */
export function readPage(page: Buffer, { timeAt, commitAt, dataAt }: PageFormat, sinks: PageSinks): boolean {
  if (page.length < dataAt || page.length < timeAt + 8 || page.length < commitAt + 4) return false;
  let timeNs = u64(page, timeAt);
  const commit = page.readUInt32LE(commitAt);
  const end = dataAt + (commit & COMMIT_MASK);
  if (end > page.length) return false;
  if ((commit & MISSED) !== 0) {
    const isCounted = (commit & MISSED_COUNT_FOLLOWS) !== 0 && end + 8 <= page.length;
    sinks.lost(Math.max(1, isCounted ? u64(page, end) : 1), timeNs);
  }
  for (let at = dataAt; at + 4 <= end; ) {
    const header = page.readUInt32LE(at);
    const type = header & 31;
    const delta = header >>> 5;
    const next = at + 4;
    if (type === PADDING && delta === 0) return true;
    // Short ones have their length in words in the header, all others a word after it.
    if (type > 0 && type < PADDING) {
      if (next + 4 * type > end) return false;
      timeNs += delta;
      sinks.record(page, next, 4 * type, timeNs);
      at = next + 4 * type;
      continue;
    }
    if (next + 4 > end) return false;
    const word = page.readUInt32LE(next);
    if (type === TIME_EXTEND || type === TIME_STAMP) {
      const time = word * 2 ** TIME_BITS + delta;
      timeNs = type === TIME_EXTEND ? timeNs + time : time;
      at = next + 4;
      continue;
    }
    // The word counts itself; a record that was taken back (PADDING) still moved the time of those after it.
    const after = next + ((word + 3) & ~3);
    if (word < 4 || word > page.length || after > end) return false;
    timeNs += delta;
    if (type === 0) sinks.record(page, next + 4, word - 4, timeNs);
    at = after;
  }
  return true;
}

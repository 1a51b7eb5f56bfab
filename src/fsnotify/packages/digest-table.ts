// What packages have: a path's digest and whose it is, for some hundred thousand files in a few megabytes. A path is kept as 64 bits of
// hash and a digest as its first 16 bytes. It grows by whole segments, so that nothing is ever copied. Pure.

import type { FileHashes, HashAlgorithm } from '../../core/event.ts';

/** A directory that is a symbolic link, as `bin/`, and the one that it leads to, as `usr/bin/`. */
export interface Alias {
  readonly from: Buffer;
  readonly to: Buffer;
}

/** What one package has at a path. */
export interface Owned<Owner> {
  readonly owner: Owner;
  readonly algorithm: HashAlgorithm;
  matches(hashes: FileHashes): boolean;
}

const SEGMENT = 65_536;
const SLOTS = SEGMENT * 2;
const DIGEST_BYTES = 16;
const ALGORITHMS: readonly HashAlgorithm[] = ['md5', 'sha1', 'sha256'];
const HEX_LENGTHS: readonly number[] = [32, 40, 64];

/** What is known of {@link SEGMENT} files. */
class Segment {
  count = 0;
  readonly low = new Uint32Array(SEGMENT);
  readonly high = new Uint32Array(SEGMENT);
  readonly owner = new Uint32Array(SEGMENT);
  readonly algorithm = new Uint8Array(SEGMENT);
  readonly digests = Buffer.alloc(SEGMENT * DIGEST_BYTES);
  /** Entry + 1 by hash, open addressing. */
  readonly slots = new Uint32Array(SLOTS);
}

export class DigestTable<Owner> {
  /** More than there was room for. */
  refused = 0;
  private readonly aliases: readonly Alias[];
  private readonly max: number;
  private readonly segments: Segment[] = [];
  private readonly owners: (Owner | undefined)[] = [];
  private readonly perOwner: number[] = [];
  private count = 0;
  private live = 0;
  /** The last path's hash. */
  private low = 0;
  private high = 0;

  constructor(aliases: readonly Alias[], max: number) {
    this.aliases = aliases;
    this.max = max;
  }

  get files(): number {
    return this.live;
  }

  /** Mostly what was removed: better made anew. */
  get isStale(): boolean {
    return this.count > SEGMENT && this.live < this.count / 2;
  }

  addOwner(owner: Owner): number {
    this.perOwner.push(0);
    return this.owners.push(owner) - 1;
  }

  /** What this one had is nobody's any more. */
  removeOwner(index: number): void {
    if (this.owners[index] === undefined) return;
    this.owners[index] = undefined;
    this.live -= this.perOwner[index]!;
  }

  /** The path is `bytes` from `start` to `end`, without its first slash; the digest stands in `hex` from `at` on. False where it's none. */
  add(owner: number, bytes: Buffer, start: number, end: number, hex: Buffer, at: number, length: number): boolean {
    const algorithm = HEX_LENGTHS.indexOf(length);
    if (algorithm < 0 || !isHex(hex, at, at + length)) return false;
    if (this.count >= this.max) {
      this.refused++;
      return true;
    }
    let segment = this.segments.at(-1);
    if (segment === undefined || segment.count === SEGMENT) {
      segment = new Segment();
      this.segments.push(segment);
    }
    this.hash(bytes, start, end);
    const entry = segment.count++;
    segment.low[entry] = this.low;
    segment.high[entry] = this.high;
    segment.owner[entry] = owner;
    segment.algorithm[entry] = algorithm;
    for (let i = 0; i < DIGEST_BYTES; i++)
      segment.digests[entry * DIGEST_BYTES + i] = (nibble(hex[at + 2 * i]!) << 4) | nibble(hex[at + 2 * i + 1]!);
    let slot = this.low % SLOTS;
    while (segment.slots[slot] !== 0) slot = (slot + 1) % SLOTS;
    segment.slots[slot] = entry + 1;
    this.count++;
    this.live++;
    this.perOwner[owner]!++;
    return true;
  }

  /** Who has something at this path, which has no first slash. */
  find(path: Buffer): Owned<Owner>[] {
    this.hash(path, 0, path.length);
    const found: Owned<Owner>[] = [];
    for (const segment of this.segments) {
      const { slots, low, high, owner } = segment;
      for (let slot = this.low % SLOTS; slots[slot] !== 0; slot = (slot + 1) % SLOTS) {
        const entry = slots[slot]! - 1;
        if (low[entry] !== this.low || high[entry] !== this.high) continue;
        const one = this.owners[owner[entry]!];
        if (one !== undefined) found.push(owned(segment, entry, one));
      }
    }
    return found;
  }

  /** Two FNV-like hashes in one pass, of the path with its symbolic directory replaced. */
  private hash(bytes: Buffer, start: number, end: number): void {
    this.low = 0x811c9dc5;
    this.high = 0x9747b28c;
    let from = start;
    for (const alias of this.aliases) {
      if (!startsWith(bytes, start, end, alias.from)) continue;
      this.mix(alias.to, 0, alias.to.length);
      from += alias.from.length;
      break;
    }
    this.mix(bytes, from, end);
    this.low = (this.low ^ (this.high >>> 15)) >>> 0;
    this.high >>>= 0;
  }

  private mix(bytes: Buffer, start: number, end: number): void {
    let [low, high] = [this.low, this.high];
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte, 0x5bd1e995);
      high ^= high >>> 13;
    }
    this.low = low;
    this.high = high;
  }
}

function owned<Owner>({ algorithm: algorithms, digests }: Segment, entry: number, owner: Owner): Owned<Owner> {
  const algorithm = ALGORITHMS[algorithms[entry]!]!;
  const wanted = digests.toString('hex', entry * DIGEST_BYTES, (entry + 1) * DIGEST_BYTES);
  return { owner, algorithm, matches: hashes => hashes[algorithm]?.startsWith(wanted) === true };
}

/** 0–15, or more for what is no hex digit. */
function nibble(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 16;
}

function isHex(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (nibble(bytes[i] ?? 0) > 15) return false;
  return true;
}

function startsWith(bytes: Buffer, start: number, end: number, prefix: Buffer): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

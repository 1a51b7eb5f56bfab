// What packages have: a path's digest and whose it is, for some hundred thousand files in a few megabytes. A path is kept as 64 bits of
// hash and a digest as its first 16 bytes. Pure.

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

const DIGEST_BYTES = 16;
const ALGORITHMS: readonly HashAlgorithm[] = ['md5', 'sha1', 'sha256'];
const HEX_LENGTHS: readonly number[] = [32, 40, 64];

export class DigestTable<Owner> {
  /** More than there was room for. */
  refused = 0;
  private readonly aliases: readonly Alias[];
  private readonly max: number;
  private readonly owners: (Owner | undefined)[] = [];
  private count = 0;
  private live = 0;
  private readonly perOwner: number[] = [];
  /** By entry. */
  private low = new Uint32Array(1024);
  private high = new Uint32Array(1024);
  private ownerOf = new Uint32Array(1024);
  private kind = new Uint8Array(1024);
  private digests = Buffer.alloc(1024 * DIGEST_BYTES);
  /** Entry + 1 by hash, open addressing; at most half full. */
  private slots = new Uint32Array(4096);
  /** The last path's hash. */
  private hashLow = 0;
  private hashHigh = 0;

  constructor(aliases: readonly Alias[], max: number) {
    this.aliases = aliases;
    this.max = max;
  }

  get files(): number {
    return this.live;
  }

  /** Mostly what was removed: better made anew. */
  get isStale(): boolean {
    return this.count > 65_536 && this.live < this.count / 2;
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

  /**
   * The path is `bytes` from `start` to `end`, without its first slash; the digest stands in hex in `hex` at `at`. False where it
   * isn't one.
   */
  add(owner: number, bytes: Buffer, start: number, end: number, hex: Buffer, at: number, length: number): boolean {
    const algorithm = HEX_LENGTHS.indexOf(length);
    if (algorithm < 0 || !isHex(hex, at, at + length)) return false;
    if (this.count >= this.max) {
      this.refused++;
      return true;
    }
    if (this.count === this.low.length) this.grow();
    this.hash(bytes, start, end);
    const entry = this.count++;
    this.low[entry] = this.hashLow;
    this.high[entry] = this.hashHigh;
    this.ownerOf[entry] = owner;
    this.kind[entry] = algorithm;
    for (let i = 0; i < DIGEST_BYTES; i++)
      this.digests[entry * DIGEST_BYTES + i] = (nibble(hex[at + 2 * i]!) << 4) | nibble(hex[at + 2 * i + 1]!);
    this.place(entry);
    this.perOwner[owner]!++;
    this.live++;
    return true;
  }

  /** Who has something at this path; `path` without its first slash. */
  find(path: Buffer): Owned<Owner>[] {
    this.hash(path, 0, path.length);
    const mask = this.slots.length - 1;
    const found: Owned<Owner>[] = [];
    for (let at = this.hashLow & mask; this.slots[at] !== 0; at = (at + 1) & mask) {
      const entry = this.slots[at]! - 1;
      if (this.low[entry] !== this.hashLow || this.high[entry] !== this.hashHigh) continue;
      const owner = this.owners[this.ownerOf[entry]!];
      if (owner !== undefined) found.push(this.owned(entry, owner));
    }
    return found;
  }

  private owned(entry: number, owner: Owner): Owned<Owner> {
    const algorithm = ALGORITHMS[this.kind[entry]!]!;
    const at = entry * DIGEST_BYTES;
    const wanted = this.digests.toString('hex', at, at + DIGEST_BYTES);
    return { owner, algorithm, matches: hashes => hashes[algorithm]?.startsWith(wanted) === true };
  }

  private place(entry: number): void {
    const mask = this.slots.length - 1;
    let at = this.low[entry]! & mask;
    while (this.slots[at] !== 0) at = (at + 1) & mask;
    this.slots[at] = entry + 1;
  }

  private grow(): void {
    const size = this.low.length * 2;
    const larger = (old: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
      const made = new Uint32Array(size);
      made.set(old);
      return made;
    };
    this.low = larger(this.low);
    this.high = larger(this.high);
    this.ownerOf = larger(this.ownerOf);
    const kind = new Uint8Array(size);
    kind.set(this.kind);
    this.kind = kind;
    const digests = Buffer.alloc(size * DIGEST_BYTES);
    this.digests.copy(digests);
    this.digests = digests;
    this.slots = new Uint32Array(size * 4);
    for (let entry = 0; entry < this.count; entry++) this.place(entry);
  }

  /** Two FNV-like hashes in one pass, of the path with its symbolic directory replaced. */
  private hash(bytes: Buffer, start: number, end: number): void {
    this.hashLow = 0x811c9dc5;
    this.hashHigh = 0x9747b28c;
    const alias = this.aliases.find(({ from }) => startsWith(bytes, start, end, from));
    if (alias === undefined) this.mix(bytes, start, end);
    else {
      this.mix(alias.to, 0, alias.to.length);
      this.mix(bytes, start + alias.from.length, end);
    }
    this.hashLow = (this.hashLow ^ (this.hashHigh >>> 15)) >>> 0;
    this.hashHigh >>>= 0;
  }

  private mix(bytes: Buffer, start: number, end: number): void {
    let [low, high] = [this.hashLow, this.hashHigh];
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte, 0x5bd1e995);
      high ^= high >>> 13;
    }
    this.hashLow = low;
    this.hashHigh = high;
  }
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

// What was last seen of a directory's files, by their names, packed: some hundred thousand are kept, and a string and an object for
// each would take three times the memory. Pure.

/** What was last seen of a file. */
export interface Entry {
  readonly inode: number;
  /** Of a directory 0: it changes with each entry. */
  readonly mtimeMs: number;
  /** Of a directory its mode, for the same reason. */
  readonly ctimeMs: number;
  /** A change was told of it; else it was there when the watching began. */
  readonly told: boolean;
}

/** Of each entry: the inode, negative where told, mtime, ctime, and where its name is. */
const COLUMNS = 4;
const NAME = 3;
/** More bytes than a name has in safe text. */
const NAME_BYTES = 8_192;
const GROWTH = 1.25;
const NO_ROWS = new Float64Array(0);
const NO_BYTES = new Uint8Array(0);
/** The name that is looked for. */
const wanted = Buffer.alloc(NAME_BYTES);
/** One that is read: a view of an array costs more than the names of most directories. */
const read = Buffer.alloc(NAME_BYTES);

/** So many are searched one by one. */
const SEARCHED_MAX = 16;
/** Of each place of an index: the row + 1, 0 where it's free, or this where it was; and the name's hash. */
const WAS = -1;
/** Names are others' choice: nobody else knows which of them have the same hash. */
const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
const hashOf = (name: string): number => Number(BigInt.asIntN(32, Bun.hash.wyhash(name, BigInt(seed))));

export class Entries {
  size = 0;
  private rows = NO_ROWS;
  /** The names, one behind the other, with gaps where some were deleted. */
  private bytes = NO_BYTES;
  private bytesEnd = 0;
  private bytesInUse = 0;
  private index: Int32Array | undefined;
  private indexed = 0;

  has(name: string): boolean {
    return this.find(name) >= 0;
  }

  get(name: string): Entry | undefined {
    const row = this.find(name);
    return row < 0 ? undefined : this.entry(row);
  }

  set(name: string, { inode, mtimeMs, ctimeMs, told }: Entry): void {
    let row = this.find(name);
    if (row < 0) row = this.add(name);
    const at = row * COLUMNS;
    this.rows[at] = told ? -inode : inode;
    this.rows[at + 1] = mtimeMs;
    this.rows[at + 2] = ctimeMs;
  }

  delete(name: string): boolean {
    const row = this.find(name);
    if (row < 0) return false;
    this.bytesInUse -= this.lengthOf(row);
    if (this.index !== undefined) this.index[this.placeOf(name, row)] = WAS;
    const last = --this.size;
    if (row !== last) {
      // The last one takes its place.
      if (this.index !== undefined) this.index[this.placeOf(this.name(last), last)] = row + 1;
      this.rows.copyWithin(row * COLUMNS, last * COLUMNS, (last + 1) * COLUMNS);
    }
    if (this.size === 0) this.clear();
    return true;
  }

  clear(): void {
    this.size = 0;
    this.rows = NO_ROWS;
    this.bytes = NO_BYTES;
    this.bytesEnd = this.bytesInUse = this.indexed = 0;
    this.index = undefined;
  }

  /** The names that there are now. */
  keys(): string[] {
    return Array.from({ length: this.size }, (_, row) => this.name(row));
  }

  /** Those that there are now, also when some of them are deleted on the way. */
  *[Symbol.iterator](): Generator<readonly [string, Entry]> {
    for (const name of this.keys()) {
      const entry = this.get(name);
      if (entry !== undefined) yield [name, entry];
    }
  }

  private entry(row: number): Entry {
    const { rows } = this;
    const at = row * COLUMNS;
    const inode = rows[at]!;
    return {
      ...{ inode: Math.abs(inode), mtimeMs: rows[at + 1]!, ctimeMs: rows[at + 2]! },
      told: inode < 0 || Object.is(inode, -0),
    };
  }

  private startOf(row: number): number {
    return Math.floor(this.rows[row * COLUMNS + NAME]! / NAME_BYTES);
  }

  private lengthOf(row: number): number {
    return this.rows[row * COLUMNS + NAME]! % NAME_BYTES;
  }

  private name(row: number): string {
    const [start, length] = [this.startOf(row), this.lengthOf(row)];
    for (let i = 0; i < length; i++) read[i] = this.bytes[start + i]!;
    return read.utf8Slice(0, length);
  }

  private find(name: string): number {
    if (this.size === 0) return -1;
    const length = wanted.write(name);
    const { index } = this;
    if (index === undefined) {
      for (let row = 0; row < this.size; row++) if (this.isWanted(row, length)) return row;
      return -1;
    }
    const hash = hashOf(name);
    for (let at = firstPlace(index, hash); index[at] !== 0; at = nextPlace(index, at))
      if (index[at + 1] === hash && index[at] !== WAS && this.isWanted(index[at]! - 1, length)) return index[at]! - 1;
    return -1;
  }

  private isWanted(row: number, length: number): boolean {
    if (this.lengthOf(row) !== length) return false;
    const start = this.startOf(row);
    for (let i = 0; i < length; i++) if (this.bytes[start + i] !== wanted[i]) return false;
    return true;
  }

  /** Where the index has a row. */
  private placeOf(name: string, row: number): number {
    const index = this.index!;
    let at = firstPlace(index, hashOf(name));
    while (index[at] !== row + 1) at = nextPlace(index, at);
    return at;
  }

  private add(name: string): number {
    const length = wanted.write(name);
    if (this.bytesEnd + length > this.bytes.length) this.moveNames(Math.ceil((this.bytesInUse + length) * GROWTH));
    for (let i = 0; i < length; i++) this.bytes[this.bytesEnd + i] = wanted[i]!;
    const row = this.size++;
    if (this.rows.length < this.size * COLUMNS) {
      const larger = new Float64Array(Math.ceil(this.size * GROWTH) * COLUMNS);
      larger.set(this.rows);
      this.rows = larger;
    }
    this.rows[row * COLUMNS + NAME] = this.bytesEnd * NAME_BYTES + length;
    this.bytesEnd += length;
    this.bytesInUse += length;
    if (this.index !== undefined || this.size > SEARCHED_MAX) this.addToIndex(name, row);
    return row;
  }

  private moveNames(size: number): void {
    const larger = new Uint8Array(size);
    let end = 0;
    for (let row = 0; row < this.size; row++) {
      const [start, length] = [this.startOf(row), this.lengthOf(row)];
      for (let i = 0; i < length; i++) larger[end + i] = this.bytes[start + i]!;
      this.rows[row * COLUMNS + NAME] = end * NAME_BYTES + length;
      end += length;
    }
    this.bytes = larger;
    this.bytesEnd = end;
  }

  private addToIndex(name: string, row: number): void {
    if (this.index === undefined) {
      this.index = new Int32Array(8 * SEARCHED_MAX);
      for (let i = 0; i < row; i++) this.addToIndex(this.name(i), i);
    } else if (this.indexed * 8 >= this.index.length * 3) this.renewIndex();
    place(this.index, row, hashOf(name));
    this.indexed++;
  }

  /** Without the places that were, and with room for as many as there are. */
  private renewIndex(): void {
    const old = this.index!;
    let length = 8 * SEARCHED_MAX;
    while (length < this.size * 4) length *= 2;
    this.index = new Int32Array(length);
    this.indexed = 0;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at]! <= 0) continue;
      place(this.index, old[at]! - 1, old[at + 1]!);
      this.indexed++;
    }
  }
}

const firstPlace = (index: Int32Array, hash: number): number => (hash * 2) & (index.length - 1);
const nextPlace = (index: Int32Array, at: number): number => (at + 2) & (index.length - 1);

function place(index: Int32Array, row: number, hash: number): void {
  let at = firstPlace(index, hash);
  while (index[at] !== 0) at = nextPlace(index, at);
  index[at] = row + 1;
  index[at + 1] = hash;
}

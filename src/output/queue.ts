// Lines that wait to be written, bounded in lines and bytes. What doesn't fit is refused: the newest, never what was promised.

export interface Batch {
  readonly buffer: Buffer;
  readonly lines: number;
}

export class LineQueue {
  readonly #maxBytes: number;
  readonly #maxLines: number;
  #lines: string[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number, maxLines: number) {
    this.#maxBytes = maxBytes;
    this.#maxLines = maxLines;
  }

  get length(): number {
    return this.#lines.length - this.#head;
  }

  /** Bytes of UTF-8 that the lines take with their newlines. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of the first line with its newline, 0 if there is none. */
  get nextBytes(): number {
    return this.#sizes[this.#head] ?? 0;
  }

  /** False if the line doesn't fit. `reserve` more bytes and an eighth more lines are granted to what must not be refused lightly. */
  push(line: string, bytes: number, reserve = 0): boolean {
    if (this.#bytes + bytes > this.#maxBytes + reserve) return false;
    if (this.length >= this.#maxLines + (reserve > 0 ? this.#maxLines >> 3 : 0)) return false;
    this.#lines.push(line);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
    return true;
  }

  /** The next lines, at least one, at most `maxLines` and, but for the first, `maxBytes`; undefined if there is none. */
  take(maxLines: number, maxBytes: number): Batch | undefined {
    if (this.length === 0) return undefined;
    let end = this.#head;
    let bytes = 0;
    const last = Math.min(this.#lines.length, this.#head + maxLines);
    while (end < last && (end === this.#head || bytes + this.#sizes[end]! <= maxBytes)) bytes += this.#sizes[end++]!;
    const lines = end - this.#head;
    const text = lines === 1 ? this.#lines[this.#head]! : this.#lines.slice(this.#head, end).join('\n');
    this.#head = end;
    this.#bytes -= bytes;
    if (this.#head === this.#lines.length || this.#head > 1_024) {
      this.#lines = this.#lines.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
    return { buffer: Buffer.from(`${text}\n`, 'utf8'), lines };
  }

  /** Forgets all lines; gives back how many there were. */
  clear(): number {
    const count = this.length;
    this.#lines = [];
    this.#sizes = [];
    this.#head = 0;
    this.#bytes = 0;
    return count;
  }
}

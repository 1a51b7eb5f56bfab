// Bytes to lines of bounded length. What is over the bound is left out up to the line's end, so that the tail of a long line never
// passes for a line of its own. Pure.

const NEWLINE = 10;

/** The bytes are valid until the call returns. */
export type OnLine = (bytes: Buffer, truncated: boolean) => void;

export class LineSplitter {
  private readonly maxBytes: number;
  /** The beginning of a line whose end hasn't come. */
  private rest: Buffer[] = [];
  private restBytes = 0;
  private isCut = false;
  private isSkipping = false;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  push(bytes: Buffer, onLine: OnLine): void {
    for (let from = 0; from < bytes.length; ) {
      const end = bytes.indexOf(NEWLINE, from);
      if (end < 0) {
        if (!this.isSkipping) this.keep(bytes.subarray(from));
        return;
      }
      if (this.isSkipping) this.isSkipping = false;
      else if (this.restBytes === 0 && !this.isCut && end - from <= this.maxBytes)
        onLine(bytes.subarray(from, end), false);
      else {
        this.keep(bytes.subarray(from, end));
        this.end(onLine);
      }
      from = end + 1;
    }
  }

  /** No more will come: what is there is a line. */
  end(onLine: OnLine): void {
    if (this.restBytes === 0 && !this.isCut) return;
    const line = this.rest.length === 1 ? this.rest[0]! : Buffer.concat(this.rest);
    const { isCut } = this;
    this.forget();
    onLine(line, isCut);
  }

  /** What comes next is the midst of a line: up to its end it is left out. */
  skipLine(): void {
    this.forget();
    this.isSkipping = true;
  }

  forget(): void {
    this.isSkipping = false;
    this.rest = [];
    this.restBytes = 0;
    this.isCut = false;
  }

  private keep(bytes: Buffer): void {
    const room = this.maxBytes - this.restBytes;
    if (bytes.length > room) this.isCut = true;
    if (room <= 0 || bytes.length === 0) return;
    const kept = Buffer.from(bytes.subarray(0, room));
    this.rest.push(kept);
    this.restBytes += kept.length;
    // A writer of single bytes must not make a list of a thousand buffers.
    if (this.rest.length > 64) this.rest = [Buffer.concat(this.rest)];
  }
}

// Reads one DNS message's bytes without ever leaving them. Pure.

/** RFC 1035: a name has at most 255 octets on the wire, so at most 127 labels; as many jumps are more than any sender needs. */
const NAME_MAX = 255;
const JUMPS_MAX = 127;
/** Of all names in one message: pointers make many long names of few bytes. A hundred names that are longer than usual fit. */
const ALL_NAMES_MAX = 8_192;

/**
 * What stands for itself in a name: printable ASCII but for the dot, which is between labels, and the backslash. All else is `\DDD` of
 * RFC 1035, so that each name has one text.
 */
const isPlain = (byte: number): boolean => byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;

/** The text that is being made; four bytes at most for each octet. */
const scratch = Buffer.alloc(4 * NAME_MAX);

export class Cursor {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  at: number;
  /** Something was read that isn't there; all that follows is worth nothing. */
  failed = false;
  readonly #names: { octets: number };

  /** The message is at `start` to `end` of `bytes`. */
  constructor(bytes: Buffer, start: number, end: number, names = { octets: 0 }) {
    this.bytes = bytes;
    this.start = this.at = start;
    this.end = end;
    this.#names = names;
  }

  /** A reader of its own at `at`, for data whose flaws end with it. */
  fork(): Cursor {
    const other = new Cursor(this.bytes, this.start, this.end, this.#names);
    other.at = this.at;
    return other;
  }

  u8(): number {
    return this.#has(1) ? this.bytes[this.at++]! : 0;
  }

  u16(): number {
    if (!this.#has(2)) return 0;
    this.at += 2;
    return (this.bytes[this.at - 2]! << 8) | this.bytes[this.at - 1]!;
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  skip(length: number): void {
    if (this.#has(length)) this.at += length;
  }

  /**
   * A name, as it's written on the wire but for escapes (letters keep their case), without the last dot; the root is `.`. Empty where
   * it's none: pointers must lead backwards, each before all that was read of the name, so that none can lead in a circle.
   */
  name(): string {
    const { bytes } = this;
    let written = 0;
    let [at, limit] = [this.at, this.at];
    let after = -1;
    let jumps = 0;
    for (let octets = 1; ; ) {
      if (at >= this.end) return this.#fail();
      const length = bytes[at]!;
      if (length === 0) break;
      if (length >= 0xc0) {
        if (at + 1 >= this.end || ++jumps > JUMPS_MAX) return this.#fail();
        if (after < 0) after = at + 2;
        const target = this.start + (((length & 0x3f) << 8) | bytes[at + 1]!);
        if (target >= limit) return this.#fail();
        at = limit = target;
        continue;
      }
      octets += length + 1;
      const end = at + 1 + length;
      if (length > 63 || octets > NAME_MAX || end > this.end) return this.#fail();
      if (written > 0) scratch[written++] = 0x2e;
      while (++at < end) written = write(bytes[at]!, written);
    }
    this.#names.octets += written;
    if (this.#names.octets > ALL_NAMES_MAX) return this.#fail();
    this.at = after < 0 ? at + 1 : after;
    return written === 0 ? '.' : scratch.latin1Slice(0, written);
  }

  /** A character string: a length and as many bytes. In it spaces and dots stand for themselves. */
  string(): string {
    const end = this.at + 1 + this.u8();
    if (!this.#has(end - this.at)) return '';
    let written = 0;
    for (; this.at < end; this.at++) {
      const byte = this.bytes[this.at]!;
      if (byte === 0x20 || byte === 0x2e) scratch[written++] = byte;
      else written = write(byte, written);
    }
    return scratch.latin1Slice(0, written);
  }

  #has(length: number): boolean {
    if (!this.failed && this.at + length <= this.end) return true;
    this.failed = true;
    return false;
  }

  #fail(): string {
    this.failed = true;
    return '';
  }
}

/** Where the next byte goes. */
function write(byte: number, at: number): number {
  if (isPlain(byte)) {
    scratch[at] = byte;
    return at + 1;
  }
  scratch[at] = 0x5c;
  scratch[at + 1] = 0x30 + Math.trunc(byte / 100);
  scratch[at + 2] = 0x30 + (Math.trunc(byte / 10) % 10);
  scratch[at + 3] = 0x30 + (byte % 10);
  return at + 4;
}

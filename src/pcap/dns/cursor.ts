// Reads one DNS message's bytes without ever leaving them. Pure.

/** RFC 1035: a name has at most 255 octets on the wire, so at most 127 labels; as many jumps are more than any sender needs. */
const NAME_MAX = 255;
const JUMPS_MAX = 127;

/** `\DDD` of RFC 1035 for what isn't printable ASCII, and for the dot and the backslash in a label: each name has one text. */
const ESCAPES = Array.from({ length: 256 }, (_, byte) =>
  byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c
    ? String.fromCharCode(byte)
    : `\\${String(byte).padStart(3, '0')}`,
);
const IS_PLAIN = Uint8Array.from(ESCAPES, text => (text.length === 1 ? 1 : 0));

export class Cursor {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  at: number;
  /** Something was read that isn't there; all that follows is worth nothing. */
  failed = false;

  /** The message is at `start` to `end` of `bytes`. */
  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.start = this.at = start;
    this.end = end;
  }

  /** A reader of its own at `at`, for data whose flaws end with it. */
  fork(): Cursor {
    const other = new Cursor(this.bytes, this.start, this.end);
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
    let text = '';
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
      if (length > 63 || octets > NAME_MAX || at + 1 + length > this.end) return this.#fail();
      text += text === '' ? label(bytes, at + 1, length) : `.${label(bytes, at + 1, length)}`;
      at += 1 + length;
    }
    this.at = after < 0 ? at + 1 : after;
    return text === '' ? '.' : text;
  }

  /** A character string: a length and as many bytes. */
  string(): string {
    const length = this.u8();
    if (!this.#has(length)) return '';
    this.at += length;
    return escaped(this.bytes, this.at - length, length);
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

function label(bytes: Buffer, at: number, length: number): string {
  for (let i = at; i < at + length; i++) if (IS_PLAIN[bytes[i]!] === 0) return escapeAll(bytes, at, length);
  return bytes.latin1Slice(at, at + length);
}

function escapeAll(bytes: Buffer, at: number, length: number): string {
  let text = '';
  for (let i = at; i < at + length; i++) text += ESCAPES[bytes[i]!];
  return text;
}

/** Text of a record, in which spaces and dots stand for themselves. */
function escaped(bytes: Buffer, at: number, length: number): string {
  let text = '';
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i]!;
    text += byte === 0x20 || byte === 0x2e ? String.fromCharCode(byte) : ESCAPES[byte];
  }
  return text;
}

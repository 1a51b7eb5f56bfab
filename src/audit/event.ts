// Reads assembled audit events where they lie in a batch (native/assembler.h has the layout). Nothing is decoded before it is asked
// for. Knows how the kernel writes values; doesn't know what an event means.

import { safeText } from '../core/text.ts';
import { isEncoded, KEY, KEYS, type Key } from './keys.ts';
import { recordTypeName } from './tables/record-types.ts';
import { hexDigit, present } from './values.ts';
import { word } from './words.ts';

const HEADER_INTS = 14;
export const RECORD_INTS = 4;
/** Of a field: key, offset, length and flags, digest. */
export const FIELD_INTS = 4;
/** The length stands above the flags. */
export const FLAG_BITS = 5;

const QUOTED = 1;
const PLAIN = 2;
const NESTED = 4;
const HEX = 8;
const NUMBER = 16;

/** How an event ended and what is odd about it (EventFlag in native/assembler.h). */
export const FLAG = {
  endEoe: 1,
  endProctitle: 2,
  endSingle: 4,
  endTimeout: 8,
  endForced: 16,
  argvTruncated: 32,
  argvGap: 64,
  argvPlain: 128,
  recordsDropped: 256,
  continuation: 512,
} as const;

/** One batch's bytes, seen as integers too. Reused for the next batch: views into it are valid until then. */
export class Batch {
  readonly bytes: Buffer;
  readonly ints: Int32Array;
  readonly doubles: Float64Array;

  constructor(capacityBytes: number) {
    const buffer = new ArrayBuffer((capacityBytes + 7) & ~7);
    this.bytes = Buffer.from(buffer);
    this.ints = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
  }
}

/** The time of the last stamp, which is the next one's too more often than not: the kernel's clock ticks every 4 to 10 ms. */
let stampMs = -1;
let stampTime = '';

/** Where short hex values are decoded. */
const scratch = Buffer.alloc(512);

/** One event's records. */
export class AuditEvent {
  readonly batch: Batch;
  /** Where the event begins, in int32 units. */
  readonly at: number;
  readonly recordCount: number;
  readonly flags: number;
  /** Where each record's header is, in int32 units. */
  readonly positions: readonly number[];

  constructor(batch: Batch, offsetBytes: number) {
    this.batch = batch;
    this.at = offsetBytes >> 2;
    const { ints } = batch;
    this.recordCount = ints[this.at + 1]!;
    this.flags = ints[this.at + 2]!;
    const positions: number[] = [];
    let p = this.at + HEADER_INTS;
    for (let i = 0; i < this.recordCount; i++) {
      positions.push(p);
      p += RECORD_INTS + FIELD_INTS * ints[p + 1]!;
    }
    this.positions = positions;
  }

  get serial(): number {
    return this.batch.ints[this.at + 3]! >>> 0;
  }
  /** Milliseconds since the epoch. */
  get timeMs(): number {
    return this.batch.doubles[(this.at + 4) >> 1]!;
  }
  /** `sec.ms:serial`, as the record has it. */
  get stamp(): string {
    const ms = this.timeMs;
    if (ms !== stampMs) {
      const seconds = Math.floor(ms / 1000);
      const millis = ms - seconds * 1000;
      stampMs = ms;
      stampTime = `${seconds}.${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}:`;
    }
    return stampTime + this.serial;
  }
  /** Bytes of all its records as received. */
  get inputBytes(): number {
    return this.batch.ints[this.at + 11]!;
  }
  /** What EXECVE says, -1 without EXECVE. */
  get argc(): number {
    return this.batch.ints[this.at + 6]!;
  }

  type(index: number): number {
    return this.batch.ints[this.positions[index]!]!;
  }

  /** The first record of a type, or undefined. */
  find(type: number): number | undefined {
    for (let i = 0; i < this.recordCount; i++) if (this.type(i) === type) return i;
    return undefined;
  }

  private argsRead = false;
  private argsText: readonly string[] | undefined;

  /** The arguments that were stored: a true prefix of argv. Undefined without EXECVE. Decoded once. */
  args(): readonly string[] | undefined {
    if (!this.argsRead) {
      this.argsRead = true;
      this.argsText = this.decodeArgs();
    }
    return this.argsText;
  }

  private decodeArgs(): readonly string[] | undefined {
    const { ints, bytes } = this.batch;
    if (this.argc < 0 && ints[this.at + 7] === 0) return undefined;
    const from = (this.at << 2) + ints[this.at + 8]!;
    const length = ints[this.at + 9]!;
    if (length === 0) return [];
    // Each argument ends with a NUL; the last one's would give an empty string more.
    const text =
      this.flags & FLAG.argvPlain
        ? bytes.latin1Slice(from, from + length - 1)
        : safeText(bytes, from, from + length - 1);
    return text.split('\0');
  }

  /** Where field `key` of record `index` is, in int32 units, or -1. */
  field(index: number, key: Key): number {
    return this.fieldByIndex(this.positions[index]!, KEY[key]);
  }

  /** The same by the key's index. */
  fieldAt(index: number, key: number): number {
    return this.fieldByIndex(this.positions[index]!, key);
  }

  private fieldByIndex(record: number, key: number): number {
    const { ints } = this.batch;
    const end = record + RECORD_INTS + FIELD_INTS * ints[record + 1]!;
    for (let f = record + RECORD_INTS; f < end; f += FIELD_INTS) if (ints[f] === key) return f;
    return -1;
  }

  /** Every field of a record: calls `visit(key index or -1, position)` in the record's order. */
  forEachField(index: number, visit: (key: number, field: number) => void): void {
    const { ints } = this.batch;
    const record = this.positions[index]!;
    const end = record + RECORD_INTS + FIELD_INTS * ints[record + 1]!;
    for (let f = record + RECORD_INTS; f < end; f += FIELD_INTS) visit(ints[f]! < 0 ? -1 : ints[f]!, f);
  }

  private get dataStart(): number {
    return (this.at << 2) + this.batch.ints[this.at + 10]!;
  }

  /** A field's name. */
  fieldName(field: number): string {
    const { ints, bytes } = this.batch;
    const key = ints[field]!;
    if (key >= 0) return KEYS[key]!;
    // The name stands before `=`, and before the quote where there is one.
    const end = this.dataStart + ints[field + 1]! - (ints[field + 2]! & QUOTED ? 2 : 1);
    return safeText(bytes, end + key, end);
  }

  /** The value as it stands, without quotes. */
  raw(field: number): string {
    const { ints, bytes } = this.batch;
    const flags = ints[field + 2]!;
    const from = this.dataStart + ints[field + 1]!;
    const to = from + (flags >>> FLAG_BITS);
    return flags & PLAIN ? word(bytes, from, to, ints[field + 3]!) : safeText(bytes, from, to);
  }

  /** An encoded field's text: quoted as it stands, hex decoded; an unquoted `(null)`, `(none)`, `?` or nothing is absent. */
  decoded(field: number): string | undefined {
    const flags = this.batch.ints[field + 2]!;
    if (flags & QUOTED) return this.raw(field);
    if (flags & HEX) {
      const count = flags >>> (FLAG_BITS + 1);
      if (count > scratch.length) return safeText(this.hexBytes(field));
      this.hexInto(field, scratch);
      return safeText(scratch, 0, count);
    }
    return present(this.raw(field));
  }

  /** A plain field's text; absent where the kernel or user space says that there is none. */
  text(field: number): string | undefined {
    return this.batch.ints[field + 2]! & QUOTED ? this.raw(field) : present(this.raw(field));
  }

  private hexBytes(field: number): Buffer {
    const { ints, bytes } = this.batch;
    const from = this.dataStart + ints[field + 1]!;
    return Buffer.from(bytes.latin1Slice(from, from + (ints[field + 2]! >>> FLAG_BITS)), 'hex');
  }

  isQuoted(field: number): boolean {
    return (this.batch.ints[field + 2]! & QUOTED) !== 0;
  }

  isNested(field: number): boolean {
    return (this.batch.ints[field + 2]! & NESTED) !== 0;
  }

  /** A decimal number; undefined where it isn't one. Exact up to 2^53. */
  number(field: number): number | undefined {
    const { ints, bytes } = this.batch;
    if (ints[field + 2]! & NUMBER) return ints[field + 3]! >>> 0;
    let i = this.dataStart + ints[field + 1]!;
    const end = i + (ints[field + 2]! >>> FLAG_BITS);
    const negative = i < end && bytes[i] === 0x2d;
    if (negative) i++;
    if (i === end || end - i > 16) return undefined;
    let v = 0;
    for (; i < end; i++) {
      const d = bytes[i]! - 0x30;
      if (d < 0 || d > 9) return undefined;
      v = v * 10 + d;
    }
    return negative ? -v : v;
  }

  /** The low 32 bits of a hex number (`arch`, a syscall's arguments); undefined where it isn't one. */
  hex32(field: number): number | undefined {
    const { ints, bytes } = this.batch;
    let i = this.dataStart + ints[field + 1]!;
    const end = i + (ints[field + 2]! >>> FLAG_BITS);
    if (i === end || end - i > 16) return undefined;
    let v = 0;
    for (i = Math.max(i, end - 8); i < end; i++) {
      const d = hexDigit(bytes[i]!);
      if (d < 0) return undefined;
      v = v * 16 + d;
    }
    return v;
  }

  /** Decodes hex digits into `into` and returns how many bytes they are, at most its length; -1 where they aren't hex. */
  hexInto(field: number, into: Uint8Array): number {
    const { ints, bytes } = this.batch;
    const from = this.dataStart + ints[field + 1]!;
    const digits = ints[field + 2]! >>> FLAG_BITS;
    if (digits & 1) return -1;
    const count = Math.min(digits >> 1, into.length);
    for (let i = 0, at = from; i < count; i++, at += 2) {
      const byte = (hexDigit(bytes[at]!) << 4) | hexDigit(bytes[at + 1]!);
      if (byte < 0) return -1;
      into[i] = byte;
    }
    return count;
  }

  /** The first byte of a value, 0 where it is empty: tells `yes` from `no` without a string. */
  firstByte(field: number): number {
    const { ints, bytes } = this.batch;
    return ints[field + 2]! >>> FLAG_BITS === 0 ? 0 : bytes[this.dataStart + ints[field + 1]!]!;
  }

  /**
   * Puts where each known field of a record is into `slots` (one for each of KEYS), 0 for one that the record hasn't. Of two fields
   * of one name the first counts: in a record from user space the kernel's own come before what the sender wrote.
   */
  locate(index: number, slots: Int32Array): void {
    const { ints } = this.batch;
    const record = this.positions[index]!;
    slots.fill(0);
    for (
      let f = record + RECORD_INTS + FIELD_INTS * (ints[record + 1]! - 1);
      f >= record + RECORD_INTS;
      f -= FIELD_INTS
    ) {
      const key = ints[f]!;
      if (key >= 0) slots[key] = f;
    }
  }

  /** An id (auid, uid, ses …): 4294967295 and -1 mean unset. */
  id(field: number): number | undefined {
    const v = this.number(field);
    return v === undefined || v === 4294967295 || v < 0 ? undefined : v;
  }

  /** Where a field's value begins in the event's text; grows along a record. */
  valueOffset(field: number): number {
    return this.batch.ints[field + 1]!;
  }

  /** The {@link valueOffset} from which on a record's fields are what auditd appended to an enriched log, after 0x1d. */
  enrichedFrom(index: number): number {
    const { ints, bytes } = this.batch;
    const record = this.positions[index]!;
    const offset = ints[record + 2]!;
    const from = this.dataStart + offset;
    const at = bytes.subarray(from, from + ints[record + 3]!).indexOf(0x1d);
    return at < 0 ? 0x7fffffff : offset + at;
  }

  /** Whether `word` stands before a field's name, as in `old auid=0`. */
  isAfterWord(field: number, word: string): boolean {
    const { ints, bytes } = this.batch;
    const key = ints[field]!;
    const nameStart = ints[field + 1]! - (ints[field + 2]! & QUOTED ? 2 : 1) - (key >= 0 ? KEYS[key]!.length : -key);
    const from = nameStart - 1 - word.length;
    return from >= 0 && bytes.latin1Slice(this.dataStart + from, this.dataStart + nameStart - 1) === word;
  }

  /** An unquoted value of several words, such as `op=adding user id=1001`: the text up to the next field. */
  phrase(index: number, field: number): string | undefined {
    if (this.isQuoted(field)) return this.raw(field);
    const { ints, bytes } = this.batch;
    const record = this.positions[index]!;
    const lastField = record + RECORD_INTS + FIELD_INTS * (ints[record + 1]! - 1);
    const from = this.dataStart + ints[field + 1]!;
    const next = field + FIELD_INTS;
    let to = from + (ints[field + 2]! >>> FLAG_BITS);
    if (next <= lastField && this.isNested(next) === this.isNested(field)) {
      const key = ints[next]!;
      const nameLength = key >= 0 ? KEYS[key]!.length : -key;
      const end = this.dataStart + ints[next + 1]! - (this.isQuoted(next) ? 2 : 1) - nameLength;
      if (end > to) to = end;
    }
    return present(safeText(bytes, from, to).trimEnd());
  }

  /** The record's line as an audit.log has it. */
  line(index: number): string {
    const { ints, bytes } = this.batch;
    const record = this.positions[index]!;
    const from = this.dataStart + ints[record + 2]!;
    const text = safeText(bytes, from, from + ints[record + 3]!);
    return `type=${recordTypeName(this.type(index))} msg=audit(${this.stamp}): ${text}`;
  }

  /** The whole event as it lies in the batch. */
  bytes(): Buffer {
    const from = this.at << 2;
    return this.batch.bytes.subarray(from, from + this.batch.ints[this.at]!);
  }

  /** The first bytes of a record's text, at most `maxBytes`, for looking at its shape. */
  head(index: number, maxBytes: number): string {
    const { ints, bytes } = this.batch;
    const record = this.positions[index]!;
    const from = this.dataStart + ints[record + 2]!;
    return bytes.latin1Slice(from, from + Math.min(maxBytes, ints[record + 3]!));
  }

  /** The bytes of a record's text. */
  textBytes(index: number): Buffer {
    const { ints, bytes } = this.batch;
    const record = this.positions[index]!;
    const from = this.dataStart + ints[record + 2]!;
    return bytes.subarray(from, from + ints[record + 3]!);
  }

  /** The bytes of the arguments, each followed by a NUL. */
  argvBytes(): Buffer {
    const { ints, bytes } = this.batch;
    const from = (this.at << 2) + ints[this.at + 8]!;
    return bytes.subarray(from, from + ints[this.at + 9]!);
  }
}

/** A field's value as rules and alerts read it: decoded where its name says that it is encoded. */
export function fieldText(event: AuditEvent, field: number): string | undefined {
  return isEncoded(event.fieldName(field)) ? event.decoded(field) : event.text(field);
}

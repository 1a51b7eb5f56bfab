// One DNS message (RFC 1035; EDNS's extended code) as values. Pure. Its author may be anyone: counts are believed only as far as the
// bytes go, what is read stays inside of them, and the work for one message is bounded.

import { Cursor } from './cursor.ts';
import { type RecordData, recordData } from './records.ts';
import { className, opcodeName, rcodeName, typeName } from './tables.ts';

/** DNS itself, multicast DNS (RFC 6762) and Windows' LLMNR (RFC 4795). */
export type DnsProtocol = 'dns' | 'mdns' | 'llmnr';

export interface DnsQuestion {
  readonly name: string;
  readonly type: string;
  readonly class: string;
}

export interface DnsAnswer extends DnsQuestion, RecordData {
  readonly ttl: number;
}

export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opCode: string;
  /** `AA`, `TC`, `RD`, `RA`, `AD`, `CD`. */
  readonly flags: readonly string[];
  /** Of responses. */
  readonly responseCode?: string;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsAnswer[];
  /** How many answers the header states. */
  readonly answersCount: number;
  /** True where answers are missing that the header states: the capture or the message ends before them, or there are too many. */
  readonly isCut: boolean;
}

/** Servers answer only messages with one question; multicast asks several at once. */
const QUESTIONS_MAX = 16;
const ANSWERS_MAX = 128;
/** Records of the other sections, passed over to reach EDNS's code. */
const PASSED_MAX = 128;
const OPT = 41;
const FLAG_BITS = [
  ['AA', 0x0400],
  ['TC', 0x0200],
  ['RD', 0x0100],
  ['RA', 0x0080],
  ['AD', 0x0020],
  ['CD', 0x0010],
] as const;
const FLAGS_MASK = 0x07b0;
/** By their bits: at most 64. */
const flagLists = new Map<number, readonly string[]>();

/** The port's protocol; undefined where it isn't one of DNS's. */
export const dnsProtocol = (sourcePort: number, destinationPort: number): DnsProtocol | undefined =>
  ofPort(destinationPort) ?? ofPort(sourcePort);

const ofPort = (port: number): DnsProtocol | undefined =>
  port === 53 ? 'dns' : port === 5353 ? 'mdns' : port === 5355 ? 'llmnr' : undefined;

/** Undefined where the bytes `start` to `end` are no message: shorter than a header, or with a first question that isn't one. */
export function parseDns(bytes: Buffer, start: number, end: number, protocol: DnsProtocol): DnsMessage | undefined {
  const cursor = new Cursor(bytes, start, end);
  const id = cursor.u16();
  const bits = cursor.u16();
  const counts = [cursor.u16(), cursor.u16(), cursor.u16(), cursor.u16()] as const;
  if (cursor.failed) return undefined;
  const isResponse = (bits & 0x8000) !== 0;
  const questions: DnsQuestion[] = [];
  while (questions.length < Math.min(counts[0], QUESTIONS_MAX)) {
    const question = readQuestion(cursor, protocol);
    if (cursor.failed) break;
    questions.push(question);
  }
  if (questions.length === 0 && (counts[0] > 0 || counts[1] + counts[2] + counts[3] === 0)) return undefined;
  if (questions.length < counts[0]) cursor.failed = true;
  const answers = readAnswers(cursor, counts[1], protocol);
  const isCut = answers.length < counts[1];
  const extended = isCut ? 0 : extendedCode(cursor, counts[2] + counts[3]);
  return {
    id,
    isResponse,
    opCode: opcodeName((bits >> 11) & 0xf),
    flags: flagsOf(bits & FLAGS_MASK),
    ...(isResponse ? { responseCode: rcodeName((extended << 4) | (bits & 0xf)) } : {}),
    questions,
    answers,
    answersCount: counts[1],
    isCut,
  };
}

function flagsOf(bits: number): readonly string[] {
  let list = flagLists.get(bits);
  if (list === undefined) {
    list = FLAG_BITS.filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name);
    flagLists.set(bits, list);
  }
  return list;
}

/** Multicast uses a class's highest bit for itself: "answer me directly", "forget what you knew". */
const classOf = (value: number, protocol: DnsProtocol): string =>
  className(protocol === 'mdns' ? value & 0x7fff : value);

function readQuestion(cursor: Cursor, protocol: DnsProtocol): DnsQuestion {
  return { name: cursor.name(), type: typeName(cursor.u16()), class: classOf(cursor.u16(), protocol) };
}

function readAnswers(cursor: Cursor, count: number, protocol: DnsProtocol): DnsAnswer[] {
  const answers: DnsAnswer[] = [];
  while (answers.length < Math.min(count, ANSWERS_MAX) && !cursor.failed) {
    const name = cursor.name();
    const type = cursor.u16();
    const value = cursor.u16();
    const ttl = cursor.u32();
    const length = cursor.u16();
    const end = cursor.at + length;
    if (cursor.failed || end > cursor.end) break;
    // What is wrong with one record's data says nothing about the next record.
    const data = recordData(type, cursor.fork(), end);
    answers.push({ name, type: typeName(type), class: classOf(value, protocol), ttl, ...data });
    cursor.at = end;
  }
  return answers;
}

/** The upper eight bits of the response code, which EDNS has in its record's TTL. */
function extendedCode(cursor: Cursor, records: number): number {
  for (let i = 0; i < Math.min(records, PASSED_MAX) && !cursor.failed; i++) {
    cursor.name();
    const type = cursor.u16();
    cursor.u16();
    const extended = cursor.u8();
    cursor.skip(3);
    cursor.skip(cursor.u16());
    if (type === OPT && !cursor.failed) return extended;
  }
  return 0;
}

// The data of resource records as text, in the presentation format of their RFCs where that is short. Pure.

import { addressText } from '../../core/address.ts';
import type { Cursor } from './cursor.ts';

/** More than any name server puts into one record of text. */
const STRINGS_MAX = 64;
const PARAMS_MAX = 16;
const HINTS_MAX = 16;

/** RFC 9460's keys, by number. */
const SVC_KEYS = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint'] as const;

export interface RecordData {
  /** Absent for types that aren't told apart, and for data that isn't what its type says. */
  readonly data?: string;
  /** The name that the record leads to. */
  readonly target?: string;
  /** The addresses that it gives. */
  readonly addresses?: readonly string[];
}

/** `cursor` ends where the message ends, for names in the data may point before it; `end` is where the data ends. */
export function recordData(type: number, cursor: Cursor, end: number): RecordData {
  const data = read(type, cursor, end);
  return cursor.failed || cursor.at > end ? {} : data;
}

function read(type: number, cursor: Cursor, end: number): RecordData {
  switch (type) {
    case 1:
      return address(cursor, end, 4);
    case 28:
      return address(cursor, end, 16);
    case 2: // NS
    case 5: // CNAME
    case 12: // PTR
    case 39: // DNAME
      return named(cursor, '');
    case 15: // MX
      return named(cursor, `${cursor.u16()} `);
    case 33: // SRV
      return named(cursor, `${cursor.u16()} ${cursor.u16()} ${cursor.u16()} `);
    case 6: // SOA
      return { data: `${cursor.name()} ${cursor.name()} ${cursor.u32()}` };
    case 16: // TXT
    case 99: // SPF
      return { data: strings(cursor, end) };
    case 64: // SVCB
    case 65: // HTTPS
      return service(cursor, end);
    case 257: // CAA
      return { data: `${cursor.u8()} ${cursor.string()} ${rest(cursor, end)}` };
    default:
      return {};
  }
}

function address(cursor: Cursor, end: number, length: 4 | 16): RecordData {
  if (end - cursor.at !== length) return {};
  const text = addressText(cursor.bytes, cursor.at, length);
  cursor.skip(length);
  return { data: text, addresses: [text] };
}

function named(cursor: Cursor, before: string): RecordData {
  const target = cursor.name();
  return { data: before + target, target };
}

function strings(cursor: Cursor, end: number): string {
  const parts: string[] = [];
  while (cursor.at < end && parts.length < STRINGS_MAX && !cursor.failed) parts.push(cursor.string());
  return parts.join('');
}

function rest(cursor: Cursor, end: number): string {
  const from = cursor.at;
  cursor.skip(Math.max(0, end - from));
  return cursor.bytes.latin1Slice(from, cursor.at).replace(/[^ -~]|\\/g, byte => {
    return `\\${String(byte.charCodeAt(0)).padStart(3, '0')}`;
  });
}

/** `1 target alpn=h2,h3 port=8443 ipv4hint=192.0.2.1`; what isn't told apart (`ech`) is named by its key alone. */
function service(cursor: Cursor, end: number): RecordData {
  const priority = cursor.u16();
  const target = cursor.name();
  const parts = [`${priority} ${target}`];
  const addresses: string[] = [];
  while (cursor.at + 4 <= end && parts.length <= PARAMS_MAX && !cursor.failed) {
    const key = cursor.u16();
    const length = cursor.u16();
    const valueEnd = cursor.at + length;
    if (valueEnd > end) return {};
    const name = SVC_KEYS[key] ?? `key${key}`;
    const value = parameter(name, cursor, valueEnd, addresses);
    parts.push(value === undefined ? name : `${name}=${value}`);
    cursor.at = valueEnd;
  }
  return { data: parts.join(' '), target, addresses };
}

function parameter(name: string, cursor: Cursor, end: number, addresses: string[]): string | undefined {
  if (name === 'port') return end - cursor.at === 2 ? String(cursor.u16()) : undefined;
  if (name === 'alpn') {
    const ids: string[] = [];
    while (cursor.at < end && ids.length < PARAMS_MAX && !cursor.failed)
      ids.push(cursor.string().replaceAll(',', '\\044'));
    return ids.join(',');
  }
  if (name !== 'ipv4hint' && name !== 'ipv6hint') return undefined;
  const width = name === 'ipv4hint' ? 4 : 16;
  const hints: string[] = [];
  for (let at = cursor.at; at + width <= end && hints.length < HINTS_MAX; at += width)
    hints.push(addressText(cursor.bytes, at, width));
  addresses.push(...hints);
  return hints.join(',');
}

// One line of a log file, its header taken apart: RFC 3164 as syslog daemons write it, ISO times (rsyslog's high precision), RFC 5424,
// busybox, and the times that clamd and vsftpd write. Anchored at the start: what a message says later is only text. Pure.

import { type Priority, priorityOf, priorityOfNames } from './syslog-names.ts';

export interface ParsedLine {
  /** Milliseconds since the epoch; absent where the line has no time that can be read. */
  readonly timeMs?: number;
  readonly hostname?: string;
  readonly program?: string;
  readonly pid?: number;
  readonly facility?: number;
  readonly severity?: number;
  readonly message: string;
  /** The line has more than a message. */
  readonly hasHeader: boolean;
}

const DAY_MS = 86_400_000;
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

const PRI = /^<(\d{1,3})>/;
const TRADITIONAL = /^([A-Z][a-z]{2}) ([ 0-3]?\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? /;
const ISO = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)? /;
const ASCTIME = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ 0-3]?\d) (\d\d):(\d\d):(\d\d) (\d{4}) (?:-> |\[pid (\d{1,10})\] )?/;
const HOST = /^([^\s:[\]]{1,255}) (?=\S)/;
const TAG = /^([^\s:[\]]{1,128})(?:\[(\d{1,10})\])?:(?: |$)/;
/** RFC 5424 after its time: host, program, process, message id. */
const FIVE = /^(\S{1,255}) (\S{1,128}) (\S{1,128}) (\S{1,32}) (?=[-[])/;

/** `referenceMs`: about when it was written, for times without a year. */
export function parseLine(line: string, referenceMs: number): ParsedLine {
  const pri = PRI.exec(line);
  const priority = pri === null ? undefined : priorityOf(Number(pri[1]));
  const text = priority === undefined ? line : line.slice(pri![0].length);
  if (priority !== undefined && text.startsWith('1 ')) {
    const parsed = protocol23(text.slice(2), priority);
    if (parsed !== undefined) return parsed;
  }
  const asctime = ASCTIME.exec(text);
  if (asctime !== null) {
    const [head, month, day, hour, minute, second, year, pid] = asctime;
    const timeMs = localTime(Number(year), MONTHS.indexOf(month!), day!, hour!, minute!, second!, undefined);
    return lineOf(text.slice(head.length), timeMs, priority, pid);
  }
  const traditional = TRADITIONAL.exec(text);
  if (traditional !== null) {
    const timeMs = yearlessTime(traditional, referenceMs);
    if (timeMs !== undefined) return afterTime(text.slice(traditional[0].length), timeMs, priority);
  }
  const iso = ISO.exec(text);
  if (iso !== null) {
    const timeMs = isoTime(iso);
    if (timeMs !== undefined) return afterTime(text.slice(iso[0].length), timeMs, priority);
  }
  // Without a time there is no host: `sshd[1]: text`, as tests of rules write it.
  const { program, pid, message } = tagged(text);
  return { ...lineOf(message, undefined, priority, pid), ...(program !== undefined && { program, hasHeader: true }) };
}

function lineOf(message: string, timeMs: number | undefined, priority: Priority | undefined, pid?: string): ParsedLine {
  return {
    message,
    hasHeader: timeMs !== undefined || priority !== undefined,
    ...(timeMs !== undefined && { timeMs }),
    ...priority,
    ...(pid !== undefined && { pid: Number(pid) }),
  };
}

/** `host [facility.severity] program[pid]: message`. */
function afterTime(text: string, timeMs: number, priority: Priority | undefined): ParsedLine {
  const host = HOST.exec(text);
  const rest = host === null ? text : text.slice(host[0].length);
  const space = rest.indexOf(' ');
  const named = priority === undefined && space > 0 && space < 24 ? priorityOfNames(rest.slice(0, space)) : undefined;
  const { program, pid, message } = tagged(named === undefined ? rest : rest.slice(space + 1));
  return {
    ...lineOf(message, timeMs, priority ?? named, pid),
    ...(host !== null && { hostname: host[1]! }),
    ...(program !== undefined && { program }),
  };
}

function tagged(text: string): { program?: string; pid?: string; message: string } {
  const tag = TAG.exec(text);
  if (tag === null) return { message: text };
  const [head, program, pid] = tag;
  return { program: program!, ...(pid !== undefined && { pid }), message: text.slice(head.length) };
}

function protocol23(text: string, priority: Priority): ParsedLine | undefined {
  const iso = ISO.exec(text);
  const rest = iso !== null ? text.slice(iso[0].length) : text.startsWith('- ') ? text.slice(2) : undefined;
  const header = rest === undefined ? null : FIVE.exec(rest);
  if (header === null) return undefined;
  const at = afterStructuredData(rest!, header[0].length);
  const message = rest!.slice(rest![at] === ' ' ? at + 1 : at).replace(/^\uFEFF/, '');
  const [, hostname, program, procid] = header;
  const timeMs = iso === null ? undefined : isoTime(iso);
  const isNumber = /^\d{1,10}$/.test(procid!);
  return {
    ...lineOf(message, timeMs, priority, isNumber ? procid : undefined),
    ...(hostname !== '-' && { hostname: hostname! }),
    ...(program !== '-' && { program: program! }),
  };
}

/** Where `-` or `[id name="value"]…` ends; quotes inside values are escaped. */
function afterStructuredData(text: string, from: number): number {
  if (text[from] === '-') return from + 1;
  let quoted = false;
  for (let i = from; i < text.length; i++) {
    const c = text[i];
    if (quoted && c === '\\') i++;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === ']' && text[i + 1] !== '[') return i + 1;
  }
  return text.length;
}

/** The latest such time that isn't after the reference; a day of slack for clocks and zones. */
function yearlessTime(found: RegExpExecArray, referenceMs: number): number | undefined {
  const [, month, day, hour, minute, second, fraction] = found;
  const index = MONTHS.indexOf(month!);
  const year = new Date(referenceMs).getFullYear();
  const at = (y: number): number | undefined => localTime(y, index, day!, hour!, minute!, second!, fraction);
  const next = at(year + 1);
  if (next !== undefined && next <= referenceMs + DAY_MS) return next;
  const timeMs = at(year);
  return timeMs === undefined || timeMs <= referenceMs + DAY_MS ? timeMs : at(year - 1);
}

function localTime(
  year: number,
  month: number,
  day: string,
  hour: string,
  minute: string,
  second: string,
  fraction: string | undefined,
): number | undefined {
  if (!isTime(month + 1, day, hour, minute, second)) return undefined;
  const time = new Date(year, month, Number(day), Number(hour), Number(minute), Number(second)).getTime();
  return time + milliseconds(fraction);
}

function isoTime(found: RegExpExecArray): number | undefined {
  const [, year, month, day, hour, minute, second, fraction, zone] = found;
  if (!isTime(Number(month), day!, hour!, minute!, second!)) return undefined;
  if (zone === undefined) return localTime(Number(year), Number(month) - 1, day!, hour!, minute!, second!, fraction);
  const utc = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const sign = zone[0] === '-' ? -1 : 1;
  const offset = zone === 'Z' ? 0 : sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)));
  return utc - offset * 60_000 + milliseconds(fraction);
}

function isTime(month: number, day: string, hour: string, minute: string, second: string): boolean {
  const d = Number(day);
  return (
    month >= 1 && month <= 12 && d >= 1 && d <= 31 && Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60
  );
}

const milliseconds = (fraction: string | undefined): number =>
  fraction === undefined ? 0 : Math.floor(Number(`0.${fraction}`) * 1000);

// One entry of the journal, from a line of `journalctl -o json`. Fields that begin with an underscore are the journal's own words, the
// others the author's. Pure.

import { safeText } from '../core/text.ts';

export interface JournalEntry {
  readonly timeMs: number;
  readonly cursor: string;
  readonly message: unknown;
  readonly program?: string;
  /** The writer's; where the journal doesn't know it as the author says. */
  readonly pid?: number;
  readonly facility?: number;
  readonly severity?: number;
  readonly hostname?: string;
  readonly transport?: string;
  readonly uid?: number;
  readonly writer?: { readonly pid: number; readonly executable?: string };
}

/** What is asked of journalctl; the times and the cursor come unasked. */
export const JOURNAL_FIELDS =
  'MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,SYSLOG_FACILITY,PRIORITY,_PID,_UID,_COMM,_EXE,_HOSTNAME,_TRANSPORT';

/** Undefined where the line is no entry. */
export function parseEntry(line: string): JournalEntry | undefined {
  let tree: unknown;
  try {
    tree = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (tree === null || typeof tree !== 'object') return undefined;
  const field = (name: string): string | undefined => {
    const value = (tree as Record<string, unknown>)[name];
    // A field that an entry has twice is a list.
    const text = Array.isArray(value) && typeof value[0] === 'string' ? value[0] : value;
    return typeof text === 'string' && text !== '' ? text : undefined;
  };
  const number = (name: string): number | undefined => {
    const text = field(name);
    return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
  };
  const timeUs = field('__REALTIME_TIMESTAMP');
  const cursor = field('__CURSOR');
  if (cursor === undefined || timeUs === undefined || !/^\d{1,17}$/.test(timeUs)) return undefined;
  const program = (field('SYSLOG_IDENTIFIER') ?? field('_COMM'))?.slice(0, 128);
  const facility = number('SYSLOG_FACILITY');
  const severity = number('PRIORITY');
  const [writerPid, uid] = [number('_PID'), number('_UID')];
  const pid = writerPid ?? number('SYSLOG_PID');
  const [hostname, transport, executable] = [field('_HOSTNAME'), field('_TRANSPORT'), field('_EXE')];
  return {
    timeMs: Math.floor(Number(timeUs) / 1000),
    cursor,
    message: (tree as Record<string, unknown>).MESSAGE,
    ...(program !== undefined && { program }),
    ...(pid !== undefined && { pid }),
    ...(facility !== undefined && facility < 24 && { facility }),
    ...(severity !== undefined && severity < 8 && { severity }),
    ...(hostname !== undefined && { hostname }),
    ...(transport !== undefined && { transport }),
    ...(uid !== undefined && { uid }),
    ...(writerPid !== undefined && {
      writer: { pid: writerPid, ...(executable !== undefined && { executable }) },
    }),
  };
}

/** The message: a text, or where it isn't printable a list of bytes. */
export function textOfMessage({ message }: JournalEntry, maxBytes: number): { message: string; truncated: boolean } {
  const value: unknown = Array.isArray(message) && typeof message[0] !== 'number' ? message[0] : message;
  const text = typeof value === 'string' ? value : '';
  const bytes = Array.isArray(value) ? Buffer.from(value as number[]) : Buffer.from(text);
  return { message: safeText(bytes, 0, Math.min(bytes.length, maxBytes)), truncated: bytes.length > maxBytes };
}

/** The journal's own number of an entry and what it counts in, from its cursor. */
export function sequenceOf(cursor: string): { readonly id: string; readonly number: bigint } | undefined {
  const found = /(?:^|;)s=([0-9a-f]{32});i=([0-9a-f]{1,16})(?:;|$)/.exec(cursor);
  return found === null ? undefined : { id: found[1]!, number: BigInt(`0x${found[2]}`) };
}

// From a line of a file, or an entry of the journal, to what it says happened. Pure: time is given.

import type { LogFacts } from '../core/event.ts';
import type { AuditRecordObservation } from '../core/observation.ts';
import { type JournalEntry, sequenceOf, textOfMessage } from './journal-entry.ts';
import { parseLine } from './line.ts';
import { type Meaning, meaningOf, NOTHING } from './meaning.ts';
import { isAuthentic, servicesOf } from './services.ts';
import { Stamper } from './stamper.ts';

export interface LogObservation extends AuditRecordObservation {
  readonly module: 'logs';
  readonly log: LogFacts;
}

export interface LineContext {
  /** When it was read, or for a file of the past when that was last written. */
  readonly nowMs: number;
  readonly path?: string;
  /** The line was longer than is kept. */
  readonly truncated?: boolean;
  /** It was written just now: a time far from it is a wrong clock or zone, or made up. */
  readonly live?: boolean;
}

const FUTURE_MS = 2_000;
const PAST_MS = 600_000;
/** syslog daemons join equal lines; of more the rest is counted as one. */
const REPEATS_MAX = 64;
const REPEATED = /^message repeated (\d{1,9}) times: \[ (.*)\]$/s;
/** What is said to be repeated; else the message itself. */
export const innerMessage = (message: string): string => REPEATED.exec(message)?.[2] ?? message;
/** This agent's own lines, its alerts among them, must not make alerts of their own. */
const OWN_PROGRAM = 'puppy-hids';
const KERNEL_AUDIT = /^(?:\[ *\d+\.\d+\] )?audit: type=\d/;

type Skipped = 'own' | 'audit';
export type Observed = readonly LogObservation[] | Skipped;

export class LogObserver {
  private readonly stamper = new Stamper();
  private readonly maxBytes: number;
  private readonly ownPid: number | undefined;

  /** `maxBytes`: of an entry's message. `ownPid`: whose entries are left out. */
  constructor(maxBytes: number, ownPid?: number) {
    this.maxBytes = maxBytes;
    this.ownPid = ownPid;
  }

  line(text: string, context: LineContext): Observed {
    const { nowMs, path } = context;
    const parsed = parseLine(text, nowMs);
    const { program, pid, hostname, facility, severity } = parsed;
    if (program === OWN_PROGRAM) return 'own';
    // The audit source has it.
    if (program === 'kernel' && KERNEL_AUDIT.test(parsed.message)) return 'audit';
    const warnings: string[] = [];
    if (context.truncated === true) warnings.push('message_truncated');
    let timeMs = parsed.timeMs ?? nowMs;
    if (context.live === true && (timeMs > nowMs + FUTURE_MS || timeMs < nowMs - PAST_MS)) {
      warnings.push('time_unlikely');
      timeMs = nowMs;
    }
    const stamp = this.stamper.stamp(parsed.timeMs === undefined ? `${nowMs} ${text}` : text, timeMs);
    const log = {
      message: parsed.message,
      ...(parsed.hasHeader && { original: text }),
      ...(program !== undefined && { program }),
      ...(pid !== undefined && { pid }),
      ...(hostname !== undefined && { hostname }),
      ...(facility !== undefined && { facility }),
      ...(severity !== undefined && { severity }),
      ...(path !== undefined && { path }),
      services: servicesOf({ program, facility, path }),
    };
    return observations(log, true, { timeMs, createdMs: nowMs, stamp, warnings });
  }

  entry(entry: JournalEntry, nowMs: number): Observed {
    const { program, pid, writer, uid, facility, severity, hostname } = entry;
    if (entry.transport === 'audit') return 'audit';
    const executable = writer?.executable;
    const verdict = entry.transport === 'kernel' ? 'yes' : isAuthentic(program, uid, executable);
    const authentic = verdict === 'yes';
    const isOwn = program === OWN_PROGRAM && authentic;
    if (isOwn || (writer !== undefined && writer.pid === this.ownPid)) return 'own';
    const { message, truncated } = textOfMessage(entry, this.maxBytes);
    if (entry.transport === 'kernel' && KERNEL_AUDIT.test(message)) return 'audit';
    const warnings: string[] = [];
    if (truncated) warnings.push('message_truncated');
    if (!authentic) warnings.push('program_unverified');
    const log = {
      message,
      ...(program !== undefined && { program }),
      ...(pid !== undefined && { pid }),
      ...(hostname !== undefined && { hostname }),
      ...(facility !== undefined && { facility }),
      ...(severity !== undefined && { severity }),
      // Anybody may say any facility.
      services: verdict === 'no' ? servicesOf({}) : servicesOf({ program, facility: uid === 0 ? facility : undefined }),
      ...(writer !== undefined && { writer }),
    };
    const base = { timeMs: entry.timeMs, createdMs: nowMs, stamp: stampOf(entry.cursor), warnings };
    return observations(log, authentic, base);
  }
}

type Base = Pick<LogObservation, 'timeMs' | 'createdMs' | 'stamp' | 'warnings'>;

/** The events of a line that stands alone, as a rule's test gives it; where it names no program it is of `service`. */
export function lineEvents(text: string, nowMs: number, service: string | undefined): readonly LogObservation[] {
  const observed = new LogObserver(text.length).line(text, { nowMs });
  if (typeof observed === 'string') return [];
  return observed.map(one => {
    const { program, services } = one.log;
    const isNamed = program !== undefined || service === undefined || services.includes(service);
    return isNamed ? one : { ...one, log: { ...one.log, services: [...services, service] } };
  });
}

/** What the journal counts by, shorter than its cursor. */
function stampOf(cursor: string): string {
  const sequence = sequenceOf(cursor);
  return sequence === undefined ? cursor : `${sequence.id}:${sequence.number}`;
}

/** `authentic`: the words are the program's that the line names. */
function observations(log: LogFacts, authentic: boolean, base: Base): LogObservation[] {
  const meaning = (message: string): Meaning => (authentic ? meaningOf(log.program, message) : NOTHING);
  const repeated = REPEATED.exec(log.message);
  if (repeated === null) return [observation(log, meaning(log.message), base, 0)];
  const message = repeated[2]!;
  const inside = meaning(message);
  // Only where each counts, as failed logins do.
  const times = inside.kind === 'log_line' ? 1 : Math.min(Number(repeated[1]), REPEATS_MAX);
  const inner = { ...log, message };
  return Array.from({ length: Math.max(times, 1) }, (_, i) => observation(inner, inside, base, i));
}

function observation(log: LogFacts, meaning: Meaning, base: Base, ordinal: number): LogObservation {
  const { kind, outcome, target, address, port, terminal, user, fields } = meaning;
  return {
    kind,
    module: 'logs',
    ...base,
    ordinal,
    ...(outcome !== undefined && { outcome }),
    ...(target !== undefined && { target }),
    ...(address !== undefined && { address }),
    ...(terminal !== undefined && { terminal }),
    log: {
      ...log,
      ...(user !== undefined && { user }),
      ...(port !== undefined && { port }),
      ...(fields !== undefined && { fields }),
    },
  };
}

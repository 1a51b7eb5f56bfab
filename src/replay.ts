// Replays logs and recordings through the same stages as a live run. Deterministic: time is the input's.

import { LOG_EXCLUDED } from './audit/complete.ts';
import { lossesBetween, NO_LOSS } from './audit/loss.ts';
import { AuditObserver } from './audit/observe.ts';
import { AuditReplay } from './audit/replay.ts';
import { AgentVoice } from './core/agent-events.ts';
import type { Parts } from './parts.ts';
import { JoinedReplay } from './recording/joined.ts';
import { decodeAuditEvent, openRecording } from './recording/reader.ts';
import type { ReplayJoins } from './replay-joins.ts';
import type { TimedReplay } from './replay-timed.ts';

export interface ReplaySummary {
  readonly lines: number;
  readonly events: number;
  /** What else is to be told, each with how often; of nothing nothing is told. */
  readonly notes: readonly (readonly [count: number, what: string])[];
  /** What isn't as it should be. */
  readonly odd: readonly (readonly [count: number, what: string])[];
}

/** Called between pieces, so that outputs can drain: a replay waits for its reader. */
export type Breathe = () => Promise<void>;

/** Of an audit log beside other logs: small, so that a piece spans little time. */
const TIMED_PIECE_BYTES = 16 * 1024;
const LINES_AT_ONCE = 1_024;

/** Pieces of audit.log in order, as one log; what other logs say of the same time comes between. */
export async function replayLog(
  pieces: AsyncIterable<Uint8Array>,
  others: TimedReplay | undefined,
  joins: ReplayJoins | undefined,
  parts: Parts,
  argvMaxBytes: number,
  breathe: Breathe,
): Promise<ReplaySummary> {
  const othersUpTo = async (timeMs: number): Promise<void> => {
    while (others?.upTo(timeMs, LINES_AT_ONCE) === true) await breathe();
  };
  const observer = new AuditObserver(LOG_EXCLUDED);
  let lastMs = 0;
  let firstMs = 0;
  const replay = new AuditReplay({ argvMaxBytes }, event => {
    lastMs = event.timeMs;
    if (firstMs === 0) firstMs = lastMs;
    others?.upTo(lastMs);
    const observation = observer.observe(event, event.timeMs);
    if (observation !== undefined) parts.pipeline(observation);
    joins?.advance(lastMs);
  });
  try {
    for await (const whole of pieces) {
      const size = others === undefined ? whole.length : TIMED_PIECE_BYTES;
      for (let at = 0; at < whole.length; at += size) {
        const piece = whole.subarray(at, at + size);
        if (others !== undefined) await othersUpTo(firstTime(piece));
        replay.feed(piece);
        await breathe();
      }
    }
    replay.finish();
    joins?.withoutAudit();
    await othersUpTo(Number.POSITIVE_INFINITY);
    joins?.end();
    await breathe();
    const stats = replay.stats();
    const { missing, recordsDropped, malformed, ringDropped } = stats;
    const voice = new AgentVoice(firstMs);
    const losses = lossesBetween(NO_LOSS, {
      ...NO_LOSS,
      missing,
      recordsDropped,
      malformed,
      ringDropped,
      incomplete: observer.incomplete,
    });
    for (const loss of losses)
      parts.pipeline(voice.loss(lastMs, { source: 'audit', ...loss, fromMs: firstMs, toMs: lastMs }));
    return {
      lines: stats.lines + (others?.lines ?? 0),
      events: stats.events + (others?.events ?? 0),
      notes: [],
      odd: [
        [missing, 'events are missing (gaps in the serial numbers)'],
        incompleteOf(observer),
        [stats.notAudit, 'lines are no audit records'],
        [stats.unknownType, 'records are of an unknown type'],
        [stats.tooLong, 'lines are too long'],
      ],
    };
  } finally {
    replay.close();
  }
}

const incompleteOf = ({ incomplete }: AuditObserver): [number, string] => [incomplete, 'events are incomplete'];

/** Of the first audit record that begins in the piece; -1 where none does. */
function firstTime(piece: Uint8Array): number {
  const found = /audit\((\d{1,12})\.(\d{3}):/.exec(Buffer.from(piece).latin1Slice(0, piece.length));
  return found === null ? -1 : Number(found[1]) * 1000 + Number(found[2]);
}

/** A recorded run. Throws Error with the place where the recording is damaged. */
export async function replayRecording(directory: string, parts: Parts, breathe: Breathe): Promise<ReplaySummary> {
  const { header, lines } = await openRecording(directory);
  const excluded = new Set<number>();
  const observer = new AuditObserver(excluded);
  const joined = new JoinedReplay(parts.pass);
  let count = 0;
  let events = 0;
  for await (const line of lines) {
    count++;
    if ('audit' in line) {
      events++;
      const observation = observer.observe(decodeAuditEvent(line.audit, header.keys), line.created);
      if (observation !== undefined) parts.pipeline(observation);
    } else if ('log' in line) {
      events++;
      parts.pipeline(line.log);
    } else if ('file' in line) {
      events++;
      parts.pipeline(line.file);
    } else if ('dns' in line) {
      events++;
      parts.pipeline(line.dns);
    } else if ('flow' in line) {
      events++;
      parts.pipeline(line.flow);
    } else if ('joined' in line) joined.joined(line.joined);
    else if ('holding' in line) parts.setHold(line.holding ? joined.hold : undefined);
    else if ('met' in line) parts.table.meet(line.met.task, line.met.startTicks, line.at);
    else if ('agent' in line) parts.pipeline(line.agent);
    else if ('excluded' in line) {
      excluded.clear();
      for (const type of line.excluded) excluded.add(type);
    } else if ('tick' in line) parts.tick(line.tick);
    else parts.table.seed(line.seed);
    if (count % 1024 === 0) await breathe();
  }
  return { lines: count, events, notes: [], odd: [incompleteOf(observer)] };
}

// Replays logs and recordings through the same stages as a live run. Deterministic: time is the input's.

import { LOG_EXCLUDED } from './audit/complete.ts';
import { lossesBetween, NO_LOSS } from './audit/loss.ts';
import { AuditObserver } from './audit/observe.ts';
import { AuditReplay } from './audit/replay.ts';
import { AgentVoice } from './core/agent-events.ts';
import type { Parts } from './parts.ts';
import { decodeAuditEvent, openRecording } from './recording/reader.ts';

export interface ReplaySummary {
  readonly lines: number;
  readonly notAudit: number;
  readonly unknownType: number;
  readonly tooLong: number;
  readonly events: number;
  readonly incomplete: number;
  readonly missing: number;
}

/** Called between pieces, so that outputs can drain: a replay waits for its reader. */
export type Breathe = () => Promise<void>;

/** Pieces of audit.log in order, as one log. */
export async function replayLog(
  pieces: AsyncIterable<Uint8Array>,
  parts: Parts,
  argvMaxBytes: number,
  breathe: Breathe,
): Promise<ReplaySummary> {
  const observer = new AuditObserver(LOG_EXCLUDED);
  let lastMs = 0;
  let firstMs = 0;
  const replay = new AuditReplay({ argvMaxBytes }, event => {
    lastMs = event.timeMs;
    if (firstMs === 0) firstMs = lastMs;
    const observation = observer.observe(event, event.timeMs);
    if (observation !== undefined) parts.pipeline(observation);
  });
  try {
    for await (const piece of pieces) {
      replay.feed(piece);
      await breathe();
    }
    replay.finish();
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
    const { lines, notAudit, unknownType, tooLong, events } = stats;
    return { lines, notAudit, unknownType, tooLong, events, incomplete: observer.incomplete, missing };
  } finally {
    replay.close();
  }
}

/** A recorded run. Throws Error with the place where the recording is damaged. */
export async function replayRecording(directory: string, parts: Parts, breathe: Breathe): Promise<ReplaySummary> {
  const { header, lines } = await openRecording(directory);
  const excluded = new Set<number>();
  const observer = new AuditObserver(excluded);
  let count = 0;
  let events = 0;
  for await (const line of lines) {
    count++;
    if ('audit' in line) {
      events++;
      const observation = observer.observe(decodeAuditEvent(line.audit, header.keys), line.created);
      if (observation !== undefined) parts.pipeline(observation);
    } else if ('agent' in line) parts.pipeline(line.agent);
    else if ('excluded' in line) {
      excluded.clear();
      for (const type of line.excluded) excluded.add(type);
    } else if ('tick' in line) parts.tick(line.tick);
    else parts.table.seed(line.seed);
    if (count % 1024 === 0) await breathe();
  }
  return { lines: count, notAudit: 0, unknownType: 0, tooLong: 0, events, incomplete: observer.incomplete, missing: 0 };
}

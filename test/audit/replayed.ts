// Audit text through the same assembler as live records, for tests.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { LogStats } from '../../native/index.ts';
import { incompleteReasons } from '../../src/audit/complete.ts';
import type { AuditEvent } from '../../src/audit/event.ts';
import { normalize } from '../../src/audit/normalize/index.ts';
import { AuditReplay } from '../../src/audit/replay.ts';
import type { RecordView } from '../../src/core/event.ts';
import type { HostObservation } from '../../src/core/observation.ts';

const root = join(import.meta.dir, '../..');

/** A folder of other projects' test data; undefined where it isn't there. */
export function sharedData(path: string): string | undefined {
  const folder = resolve(root, process.env.PUPPY_SHARED_DATA ?? '../shared/data', path);
  return existsSync(folder) ? folder : undefined;
}

/** Calls `visit` for each event of a log. */
export function replay(log: string | Uint8Array, visit: (event: AuditEvent) => void, argvMaxBytes = 65_536): LogStats {
  const source = new AuditReplay({ argvMaxBytes }, visit);
  try {
    source.feed(typeof log === 'string' ? Buffer.from(log) : log);
    source.finish();
    return source.stats();
  } finally {
    source.close();
  }
}

/** A record with all that it gives. */
export interface Record {
  readonly type: string;
  readonly fields: Readonly<{ [name: string]: string }>;
}

export type Observed = Omit<HostObservation, 'records'> & { readonly records: readonly Record[] };

export function recordOf(view: RecordView): Record {
  const fields: { [name: string]: string } = {};
  for (const [name, value] of view.entries()) fields[name] = value;
  return { type: view.type, fields };
}

/** The observations of a log, their records read while they could be. */
export function observe(log: string | Uint8Array, excluded?: ReadonlySet<number>): Observed[] {
  const out: Observed[] = [];
  replay(log, event => {
    const observation = normalize(event, event.timeMs, incompleteReasons(event, excluded).length > 0);
    if (observation !== undefined) out.push({ ...observation, records: (observation.records ?? []).map(recordOf) });
  });
  return out;
}

/** The only observation of a log, without what doesn't depend on the event's meaning. */
export function observeOne(log: string, excluded?: ReadonlySet<number>): { readonly [name: string]: unknown } {
  const all = observe(log, excluded);
  if (all.length !== 1) throw new Error(`${all.length} observations`);
  const { module, timeMs, createdMs, stamp, ordinal, sequence, records, ...rest } = all[0]!;
  return rest;
}

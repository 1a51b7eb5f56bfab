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

/** The lines of one event: each record as `TYPE text`. */
export function eventLines(records: readonly string[], stamp = '1700000000.123:77'): string {
  return records.map(record => record.replace(/^(\S+) ?/, `type=$1 msg=audit(${stamp}): `)).join('\n');
}

/** A SYSCALL record of a shell's child; what is given replaces or adds fields. */
export function syscall(fields: { readonly [name: string]: string | number }): string {
  const all = {
    arch: 'c000003e',
    syscall: 59,
    success: 'yes',
    exit: 0,
    a0: '55d4e1c0f2a0',
    a1: '55d4e1c0f330',
    a2: '55d4e1bf7a50',
    a3: 8,
    items: 0,
    ppid: 2831,
    pid: 2832,
    auid: 1000,
    uid: 1000,
    gid: 1000,
    euid: 1000,
    suid: 1000,
    fsuid: 1000,
    egid: 1000,
    sgid: 1000,
    fsgid: 1000,
    tty: 'pts0',
    ses: 3,
    comm: '"grep"',
    exe: '"/usr/bin/grep"',
    subj: 'unconfined',
    key: '(null)',
    ...fields,
  };
  return `SYSCALL ${Object.entries(all)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`;
}

export const PROCTITLE = 'PROCTITLE proctitle="x"';

export function path(
  item: number,
  name: string,
  rest = 'inode=2512 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL',
): string {
  return `PATH item=${item} name=${name} ${rest}`;
}

// Whole events out of logs in order, out of order, with gaps and over the serials' roll-over: the same events, and losses counted.

import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogStats } from '../../native/index.ts';
import { replay, sharedData } from './replayed.ts';

const folder = sharedData('audit/reassembler');

interface Run {
  readonly events: readonly { readonly serial: number; readonly types: readonly number[] }[];
  readonly stats: LogStats;
}

function run(file: string): Run {
  const events: { serial: number; types: number[] }[] = [];
  const stats = replay(readFileSync(join(folder!, file)), event => {
    events.push({ serial: event.serial, types: event.positions.map((_, i) => event.type(i)) });
  });
  return { events: events.sort((a, b) => a.serial - b.serial), stats };
}

const [SYSCALL, PATH, SOCKADDR, CWD, EXECVE] = [1300, 1302, 1306, 1307, 1309];
const EXEC = [SYSCALL, EXECVE, CWD, PATH, PATH];

describe.skipIf(folder === undefined)('reassembling (shared data)', () => {
  test('in order', () => {
    const { events, stats } = run('normal.log');
    expect(events).toEqual([
      { serial: 58, types: [SYSCALL, SOCKADDR] },
      { serial: 59, types: EXEC },
      { serial: 60, types: EXEC },
      { serial: 61, types: [SYSCALL, SOCKADDR, CWD, PATH] },
      { serial: 62, types: [SYSCALL] },
    ]);
    expect(stats.missing).toBe(0);
  });

  test('records of several events interleaved', () => {
    const { events, stats } = run('out_of_order.log');
    expect(events.map(event => ({ ...event, types: event.types.toSorted() }))).toEqual(
      run('normal.log').events.map(event => ({ ...event, types: event.types.toSorted() })),
    );
    expect(stats.missing).toBe(0);
  });

  test('events missing', () => {
    const { events, stats } = run('lost_messages.log');
    expect(events.map(event => event.serial)).toEqual([49, 59, 60, 61, 62]);
    expect(stats.missing).toBe(9);
  });

  test('serials roll over', () => {
    const { events, stats } = run('rollover.log');
    expect(events.map(event => event.serial)).toEqual([0, 1, 2, 4294967294, 4294967295]);
    expect(stats.missing).toBe(0);
  });
});

test("auditd's own records are numbered apart from the kernel's", () => {
  const { stats } = ((): { stats: LogStats } => {
    const log = [
      "type=SERVICE_START msg=audit(1481076983.800:5): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=a res=success'",
      'type=DAEMON_START msg=audit(1481076983.819:7798): auditd start, ver=2.4.1 format=raw auid=4294967295 pid=251 res=success',
      "type=SERVICE_START msg=audit(1481076983.864:6): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=b res=success'",
    ];
    return { stats: replay(log.join('\n'), () => {}) };
  })();
  expect({ events: stats.events, missing: stats.missing, late: stats.late }).toEqual({
    events: 3,
    missing: 0,
    late: 0,
  });
});

import { describe, expect, test } from 'bun:test';
import type { ReaderStats } from '../../native/index.ts';
import { ReaderAccounts } from '../../src/audit/accounts.ts';

const STATS: ReaderStats = {
  records: 0,
  bytes: 0,
  events: 0,
  ringDropped: 0,
  timedOut: 0,
  forced: 0,
  malformed: 0,
  recordsDropped: 0,
  missing: 0,
  late: 0,
  pending: 0,
  firstSerial: 0,
  highestSerial: 0,
  receives: 0,
  overruns: 0,
  truncated: 0,
  replaceRequests: 0,
  replacePid: 0,
  receiveBufferBytes: 0,
  error: 0,
};
const stats = (some: Partial<ReaderStats>): ReaderStats => ({ ...STATS, ...some });
const counts = (losses: { reason: string; count: number }[]): [string, number][] =>
  losses.map(l => [l.reason, l.count]);

describe('ReaderAccounts', () => {
  test('tells differences once', () => {
    let incomplete = 0;
    const accounts = new ReaderAccounts(() => incomplete);
    expect(accounts.tell(stats({ missing: 3 }))).toEqual([
      { reason: 'socket', count: 3, unit: 'events', upperBound: false },
    ]);
    expect(accounts.tell(stats({ missing: 3 }))).toEqual([]);
    incomplete = 2;
    expect(counts(accounts.tell(stats({ missing: 4 })))).toEqual([
      ['socket', 1],
      ['incomplete', 2],
    ]);
  });
  test('serials between two readers are missing', () => {
    const accounts = new ReaderAccounts(() => 0);
    accounts.close(stats({ firstSerial: 10, highestSerial: 20, events: 11 }));
    expect(counts(accounts.tell(undefined))).toEqual([]);
    expect(counts(accounts.tell(stats({ firstSerial: 26, highestSerial: 30, events: 5 })))).toEqual([['socket', 5]]);
    accounts.close(stats({ firstSerial: 26, highestSerial: 30, events: 5, missing: 1 }));
    expect(accounts.counters(stats({ firstSerial: 31, events: 1 }))).toMatchObject({ missing: 6, events: 17 });
  });
  test('also where they come round', () => {
    const accounts = new ReaderAccounts(() => 0);
    accounts.close(stats({ firstSerial: 1, highestSerial: 0xffff_fffe }));
    expect(counts(accounts.tell(stats({ firstSerial: 2, highestSerial: 2 })))).toEqual([['socket', 3]]);
  });
  test('none where the next was open before the last was closed', () => {
    const accounts = new ReaderAccounts(() => 0);
    accounts.close(stats({ firstSerial: 10, highestSerial: 20 }));
    accounts.overlap();
    expect(accounts.tell(stats({ firstSerial: 15, highestSerial: 30 }))).toEqual([]);
  });
  test("the kernel's loss counts from the start, and from 0 when the host resets it", () => {
    const accounts = new ReaderAccounts(() => 0);
    accounts.begin(100);
    accounts.lostNow(107);
    expect(counts(accounts.tell(undefined))).toEqual([['kernel_backlog', 7]]);
    accounts.lostNow(4);
    expect(counts(accounts.tell(undefined))).toEqual([['kernel_backlog', 4]]);
  });
});

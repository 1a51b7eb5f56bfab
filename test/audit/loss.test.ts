import { describe, expect, test } from 'bun:test';
import { HeaviestWriters } from '../../src/audit/heaviest.ts';
import { addCounters, lossesBetween, NO_LOSS } from '../../src/audit/loss.ts';

describe('lossesBetween', () => {
  test('nothing new is nothing', () =>
    expect(lossesBetween({ ...NO_LOSS, missing: 3 }, { ...NO_LOSS, missing: 3 })).toEqual([]));
  test("each measure is told apart; only the kernel's is an upper bound", () => {
    const after = { missing: 1, incomplete: 2, kernelLost: 3, ringDropped: 4, recordsDropped: 5, malformed: 6 };
    expect(lossesBetween(NO_LOSS, after)).toEqual([
      { reason: 'socket', count: 1, unit: 'events', upperBound: false },
      { reason: 'incomplete', count: 2, unit: 'events', upperBound: false },
      { reason: 'kernel_backlog', count: 3, unit: 'records', upperBound: true },
      { reason: 'ring', count: 4, unit: 'events', upperBound: false },
      { reason: 'assembler', count: 5, unit: 'records', upperBound: false },
      { reason: 'malformed', count: 6, unit: 'records', upperBound: false },
    ]);
  });
  test('a counter that somebody reset counts from 0', () => {
    expect(lossesBetween({ ...NO_LOSS, kernelLost: 100 }, { ...NO_LOSS, kernelLost: 4 })).toEqual([
      { reason: 'kernel_backlog', count: 4, unit: 'records', upperBound: true },
    ]);
  });
  test('readers add up', () => {
    expect(addCounters({ ...NO_LOSS, missing: 2 }, { missing: 3, ringDropped: 1 })).toEqual({
      ...NO_LOSS,
      missing: 5,
      ringDropped: 1,
    });
  });
});

describe('HeaviestWriters', () => {
  test('names who wrote most, and begins anew', () => {
    const heaviest = new HeaviestWriters();
    heaviest.add(0, '/usr/bin/a', 10);
    heaviest.add(1000, '/usr/bin/b', 30);
    heaviest.add(0, '/usr/bin/a', 25);
    expect(heaviest.take()).toEqual({ uid: 0, executable: '/usr/bin/a', bytes: 35 });
    expect(heaviest.take()).toBeUndefined();
  });
  test('is bounded: a flood of names shares one place', () => {
    const heaviest = new HeaviestWriters();
    for (let i = 0; i < 100_000; i++) heaviest.add(0, `/tmp/${i}`, 1);
    expect(heaviest.take()).toEqual({ bytes: 100_000 - 1024 });
  });
});

// Correlations under load: memory, floods, and the small parts that keep order and sums.

import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import fc from 'fast-check';
import { Correlator } from '../../src/rules/correlate/correlator.ts';
import { Deadlines } from '../../src/rules/correlate/deadlines.ts';
import { ExactSum } from '../../src/rules/correlate/exact-sum.ts';
import { Group } from '../../src/rules/correlate/group.ts';
import { planOf } from '../../src/rules/correlate/plan.ts';
import { correlation, hit, correlatorOf as make, type Parts, rule, words } from './correlate-helpers.ts';

setDefaultTimeout(60_000);

const abc = [rule('a'), rule('b'), rule('c')];

describe('bounds', () => {
  const MB = 1024 * 1024;
  const heapMb = (): number => {
    Bun.gc(true);
    return process.memoryUsage().heapUsed / MB;
  };

  for (const [title, keys, parts] of [
    ['a million groups', 1_000_000, { type: 'event_count', condition: { gte: 3 } }],
    ['windows that wait for their end', 100_000, { type: 'value_avg', fields: ['v'], condition: { lt: 3 } }],
    ['groups of values', 100_000, { type: 'value_count', fields: ['v'], condition: { gte: 3 } }],
    ['groups of sequences', 100_000, { type: 'temporal_ordered', rules: abc }],
  ] satisfies [string, number, Parts][]) {
    test(`${title} stay in the memory that was given`, () => {
      const correlator = new Correlator({ maxBytes: 16 * MB });
      correlator.setCorrelations([correlation({ ...parts, groupBy: ['key'], timespanMs: 3_600_000 })]);
      const before = heapMb();
      for (let i = 0; i < keys; i++) correlator.add(hit('a', i, { key: `key ${i}`, v: '1' }));
      const { groups, bytes, evicted } = correlator.counters;
      expect(groups + evicted).toBe(keys);
      expect(groups).toBeGreaterThan(2_000);
      expect(bytes).toBeLessThanOrEqual(16 * MB);
      expect(heapMb() - before).toBeLessThan(16 * 1.25);
    });
  }

  test('who floods one correlation makes no other forget', () => {
    const correlator = new Correlator({ maxBytes: 100_000 });
    const few = correlation({ id: 'few', type: 'event_count', condition: { gte: 2 } });
    const many = correlation({
      id: 'many',
      type: 'event_count',
      rules: [rule('b')],
      groupBy: ['key'],
      condition: { gte: 2 },
    });
    correlator.setCorrelations([few, many]);
    correlator.add(hit('a', 0));
    for (let i = 0; i < 10_000; i++) correlator.add(hit('b', i, { key: String(i) }));
    expect(correlator.counters.evicted).toBeGreaterThan(9_000);
    expect(correlator.add(hit('a', 10_000))).toHaveLength(1);
  });

  test('old groups go with time', () => {
    const correlator = make(correlation({ type: 'event_count', condition: { gte: 2 }, groupBy: ['key'] }));
    for (let i = 0; i < 100; i++) correlator.add(hit('a', i, { key: String(i) }));
    correlator.advance(60_000);
    expect(correlator.counters.groups).toBe(100);
    correlator.advance(121_000);
    expect(correlator.counters).toMatchObject({ groups: 0, bytes: 0, evicted: 0 });
    // A clock that was set back is followed.
    correlator.add(hit('a', 0, { key: '1' }));
    correlator.advance(0);
    correlator.advance(120_001);
    expect(correlator.counters.groups).toBe(0);
  });

  test('a flood into one group: counts and sums stay about right', () => {
    const timespanMs = 100_000;
    const count = correlation({ id: 'count', type: 'event_count', condition: { gte: 99_000 }, timespanMs });
    const sum = correlation({ id: 'sum', type: 'value_sum', fields: ['v'], condition: { gte: 198_000 }, timespanMs });
    const correlator = make(count, sum);
    const fired = Array.from({ length: 200_000 }, (_, i) => correlator.add(hit('a', i, { v: '2' }))).flat();
    expect(fired.slice(0, 2).map(words)).toEqual(['count 99000 @98.999', 'sum 198000 @98.999']);
    expect(fired).toHaveLength(4);
    for (const { facts } of fired.slice(2)) expect(facts.eventCount / 100_001).toBeCloseTo(1, 2);
    expect(correlator.counters.bytes).toBeLessThan(MB);
    expect(correlator.counters.approximate).toBeGreaterThan(0);
  });

  test('many different values: the verdict is exact, the memory small', () => {
    const correlator = make(
      correlation({ id: 'gte', type: 'value_count', fields: ['v'], condition: { gte: 5_000 } }),
      correlation({ id: 'eq', type: 'value_count', fields: ['v'], condition: { eq: 5_001 } }),
    );
    const fired = Array.from({ length: 200_000 }, (_, i) =>
      correlator.add(hit('a', Math.floor(i / 10), { v: `${i}` })),
    ).flat();
    expect(fired.map(words)).toEqual(['gte 5000 @0.499', 'eq 5001 @0.5']);
    expect(correlator.counters.bytes).toBeLessThan(3 * MB);
  });

  test('values that come again and again are kept once', () => {
    const correlator = make(correlation({ type: 'value_count', fields: ['v'], condition: { gte: 6 } }));
    const fired = Array.from({ length: 10_000 }, (_, i) => correlator.add(hit('a', i, { v: `${i % 3}` }))).flat();
    expect(fired).toEqual([]);
    expect(correlator.add(hit('a', 62_000, { v: '4' }))).toEqual([]);
    expect(correlator.add(hit('a', 62_001, { v: '5' }))).toEqual([]);
    expect(correlator.add(hit('a', 69_000, { v: '6' })).map(words)).toEqual(['it 6 @69']);
  });

  test('percentiles and sequences of a flood', () => {
    const correlator = make(
      correlation({ id: 'median', type: 'value_median', fields: ['v'], condition: { gt: 1e9 } }),
      correlation({ id: 'order', type: 'temporal_ordered', rules: [...abc].reverse() }),
    );
    for (let i = 0; i < 50_000; i++) {
      // Each second one is late.
      correlator.add(hit(i % 2 === 0 ? 'a' : 'b', i / 100 - (i % 2), { v: `${i}` }));
    }
    expect(correlator.counters.bytes).toBeLessThan(MB);
    expect(correlator.counters.approximate).toBeGreaterThan(0);
  });
});

test('windows end in the order of their ends, of two at once the first that was there', () => {
  const ends = fc.array(fc.record({ timeMs: fc.nat(9), gone: fc.boolean() }), { maxLength: 40 });
  fc.assert(
    fc.property(ends, fc.nat(10), (list, untilMs) => {
      const plan = planOf(correlation({ type: 'event_count', condition: { gte: 1 } }));
      const deadlines = new Deadlines<number>();
      const groups = list.map(({ timeMs }, of) => {
        const group = new Group(plan, '');
        deadlines.add({ timeMs, group, of });
        return group;
      });
      for (const [index, { gone }] of list.entries()) {
        if (!gone) continue;
        groups[index]!.gone = true;
        deadlines.forget();
      }
      const due: number[] = [];
      for (let next = deadlines.due(untilMs); next !== undefined; next = deadlines.due(untilMs)) {
        due.push(next.of);
        next.group.gone = true;
        deadlines.forget();
      }
      const left = list.flatMap(({ timeMs, gone }, of) => (gone || timeMs >= untilMs ? [] : [{ timeMs, of }]));
      expect(due).toEqual(left.sort((a, b) => a.timeMs - b.timeMs || a.of - b.of).map(({ of }) => of));
    }),
  );
});

test('sums are exact and take back exactly', () => {
  const sum = new ExactSum();
  for (const x of [1e100, 1, -1e100, 0.1, 1e16, 0.2, -1e16]) sum.add(x);
  expect(sum.value).toBeCloseTo(1.3, 15);
  for (const x of [-1, -0.1, -0.2]) sum.add(x);
  expect(sum.value).toBe(0);
});

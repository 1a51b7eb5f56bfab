// Correlations by example: each type, groups, windows, chains, reload.

import { describe, expect, test } from 'bun:test';
import type { Condition } from '../../src/rules/ast.ts';
import { combinations, keyOf } from '../../src/rules/correlate/group-key.ts';
import {
  correlation,
  hit,
  correlatorOf as make,
  type Parts,
  rule,
  run,
  type Step,
  words,
} from './correlate-helpers.ts';

const at = (name: string, ...seconds: number[]): Step[] => seconds.map(second => ({ at: second, rule: name }));
const valued = (...pairs: readonly (readonly [number, string])[]): Step[] =>
  pairs.map(([second, v]) => ({ at: second, rule: 'a', values: { v } }));
const abc = [rule('a'), rule('b'), rule('c')];
const name = (of: string): Condition => ({ kind: 'selection', name: of });
const and = (...of: Condition[]): Condition => ({ kind: 'and', of });
const or = (...of: Condition[]): Condition => ({ kind: 'or', of });
const not = (of: Condition): Condition => ({ kind: 'not', of });

const EXAMPLES: readonly (readonly [string, Parts, readonly Step[], readonly string[]])[] = [
  ['three in a minute', { type: 'event_count', condition: { gte: 3 } }, at('a', 0, 50, 55), ['it 3 @55']],
  ['a window includes both its ends', { type: 'event_count', condition: { gte: 2 } }, at('a', 0, 60), ['it 2 @60']],
  ['and not more', { type: 'event_count', condition: { gte: 2 } }, at('a', 0, 60.001), []],
  ['windows know no boundaries', { type: 'event_count', condition: { gte: 3 } }, at('a', 58, 61, 90), ['it 3 @90']],
  ['once while it is true', { type: 'event_count', condition: { gte: 2 } }, at('a', 0, 1, 2, 3), ['it 2 @1']],
  [
    'again when the timespan has passed',
    { type: 'event_count', condition: { gte: 2 } },
    at('a', 0, 10, 40, 70, 70.001),
    ['it 2 @10', 'it 3 @70.001'],
  ],
  [
    'again after it was false',
    { type: 'event_count', condition: { gte: 3 } },
    at('a', 0, 1, 2, 61.5, 61.6),
    ['it 3 @2', 'it 3 @61.6'],
  ],
  ['a range', { type: 'event_count', condition: { gt: 1, lte: 3 } }, at('a', 0, 1, 2, 3, 4), ['it 2 @1']],
  ['eq', { type: 'event_count', condition: { eq: 2 } }, at('a', 0, 1, 2, 61.5), ['it 2 @1', 'it 2 @61.5']],
  ['neq 0 is one', { type: 'event_count', condition: { neq: 0 } }, at('a', 5), ['it 1 @5']],
  [
    'any of several rules',
    { type: 'event_count', rules: abc, condition: { gte: 2 } },
    [...at('a', 0), ...at('c', 1)],
    ['it 2 @1'],
  ],
  [
    'an event that two rules match is one event',
    { type: 'event_count', rules: abc, condition: { gte: 2 } },
    [{ at: 0, rule: 'a', stamp: 'x' }, { at: 0, rule: 'b', stamp: 'x' }, ...at('a', 1)],
    ['it 2 @1'],
  ],
  [
    'different values',
    { type: 'value_count', fields: ['v'], condition: { gte: 3 } },
    valued([0, '1'], [1, '1'], [2, '2'], [3, '3']),
    ['it 3 @3'],
  ],
  [
    'a value that was seen again stays',
    { type: 'value_count', fields: ['v'], condition: { gte: 3 } },
    valued([0, '1'], [1, '2'], [50, '1'], [70, '3'], [71, '4']),
    ['it 3 @71'],
  ],
  [
    'a late sighting makes no value older',
    { type: 'value_count', fields: ['v'], condition: { gte: 2 } },
    valued([10, '1'], [8.5, '1'], [69, '2']),
    ['it 2 @69'],
  ],
  [
    'several fields are one value',
    { type: 'value_count', fields: ['v', 'w'], condition: { gte: 2 } },
    [
      { at: 0, rule: 'a', values: { v: '1', w: '23' } },
      { at: 1, rule: 'a', values: { v: '1' } },
      { at: 2, rule: 'a', values: { v: '12', w: '3' } },
    ],
    ['it 2 @2'],
  ],
  [
    'sum',
    { type: 'value_sum', fields: ['v'], condition: { gt: 10 } },
    valued([0, '5.5'], [1, 'x'], [2, ' 5 ']),
    ['it 10.5 @2'],
  ],
  [
    'a huge number passes through',
    { type: 'value_sum', fields: ['v'], condition: { gte: 3 } },
    valued([0, '-1e200'], [30, '1'], [70, '1'], [80, '1']),
    ['it 3 @80'],
  ],
  [
    'average',
    { type: 'value_avg', fields: ['v'], condition: { gt: 55 } },
    valued([0, '40'], [9, '60'], [61, '60']),
    ['it 60 @61'],
  ],
  [
    'median between two',
    { type: 'value_median', fields: ['v'], condition: { eq: 1.5 } },
    valued([0, '2'], [1, '1']),
    ['it 1.5 @1'],
  ],
  [
    'percentile',
    { type: 'value_percentile', percentile: 90, fields: ['v'], condition: { gt: 8 } },
    valued([0, '0'], [1, '1'], [2, '5'], [3, '10']),
    ['it 8.5 @3'],
  ],
  [
    'all rules in any order',
    { type: 'temporal', rules: abc },
    [...at('c', 0), ...at('a', 1, 2), ...at('b', 60)],
    ['it 3 @60'],
  ],
  ['two hits of one rule are one rule', { type: 'temporal', rules: abc }, [...at('a', 0, 1, 2, 3)], []],
  [
    'some of the rules',
    { type: 'temporal', rules: abc, condition: { gte: 2 } },
    [...at('c', 0), ...at('a', 1)],
    ['it 2 @1'],
  ],
  ['in order', { type: 'temporal_ordered', rules: abc }, [...at('a', 0), ...at('b', 1), ...at('c', 2)], ['it 3 @2']],
  ['not in order', { type: 'temporal_ordered', rules: abc }, [...at('b', 0), ...at('a', 1), ...at('c', 2)], []],
  [
    'in order, with others between',
    { type: 'temporal_ordered', rules: abc },
    [...at('b', 0), ...at('a', 1), ...at('c', 2), ...at('b', 3), ...at('a', 4), ...at('c', 5)],
    ['it 3 @5'],
  ],
  [
    'in order, too slow',
    { type: 'temporal_ordered', rules: abc },
    [...at('a', 0), ...at('b', 30), ...at('c', 60.5)],
    [],
  ],
  [
    'in order, the later beginning is in time',
    { type: 'temporal_ordered', rules: abc },
    [...at('a', 0, 20), ...at('b', 30), ...at('c', 70)],
    ['it 3 @70'],
  ],
  [
    'one event is one step',
    { type: 'temporal_ordered', rules: abc.slice(0, 2) },
    [{ at: 0, rule: 'a', stamp: 'x' }, { at: 0, rule: 'b', stamp: 'x' }, ...at('b', 0)],
    ['it 2 @0'],
  ],
  [
    'a late one is put in its place',
    { type: 'temporal_ordered', rules: abc },
    [...at('a', 10), ...at('c', 12), ...at('b', 11)],
    ['it 3 @12'],
  ],
  [
    'in order, some of the rules',
    { type: 'temporal_ordered', rules: abc, condition: { gte: 2 } },
    [...at('c', 0), ...at('a', 1), ...at('c', 2)],
    ['it 2 @2'],
  ],
  [
    'an expression',
    { type: 'temporal', rules: abc, expression: and(name('a'), or(name('b'), name('c'))) },
    [...at('b', 0), ...at('c', 1), ...at('a', 2)],
    ['it 3 @2'],
  ],
  [
    'an expression in order',
    { type: 'temporal_ordered', rules: abc, expression: and(name('a'), or(name('b'), name('c'))) },
    [...at('b', 0), ...at('a', 1), ...at('b', 2)],
    ['it 2 @2'],
  ],
  [
    'one without another, known when the window ends',
    { type: 'temporal', rules: abc, expression: and(name('a'), not(name('b'))) },
    [...at('a', 0), { at: 62 }, { at: 62.001 }, ...at('a', 100), ...at('b', 160), { at: 200 }],
    ['it 1 @60'],
  ],
  [
    'what came before the window has no say',
    { type: 'temporal', rules: abc, expression: and(name('a'), not(name('b'))) },
    [...at('b', 0), ...at('a', 1), { at: 100 }],
    ['it 1 @61'],
  ],
  [
    'no lower bound: judged when the window ends',
    { type: 'value_avg', fields: ['v'], condition: { lt: 5 } },
    [...valued([0, '1'], [60, '9.5']), { at: 63 }, ...valued([70, '4']), { at: 133 }],
    ['it 4 @130'],
  ],
  [
    'a window may end with the hit that opens the next but one',
    { type: 'value_avg', fields: ['v'], condition: { lt: 5 } },
    valued([0, '1'], [61, '2'], [59, '3'], [122, '3'], [200, '4']),
    ['it 2 @60', 'it 2 @121', 'it 3 @182'],
  ],
];

describe('by example', () => {
  for (const [title, parts, steps, expected] of EXAMPLES) {
    test(title, () => expect(run(make(correlation(parts)), steps).map(words)).toEqual([...expected]));
  }
});

describe('groups', () => {
  const by = (groupBy: string[], parts: Partial<Parts> = {}) =>
    make(correlation({ type: 'event_count', condition: { gte: 2 }, groupBy, ...parts }));

  test('are counted apart', () => {
    const steps = [0, 1, 2].map(second => ({ at: second, rule: 'a', values: { User: second === 1 ? 'x' : 'y' } }));
    expect(run(by(['User']), steps).map(words)).toEqual(['it User=y 2 @2']);
  });

  test('an event without the field belongs to none', () => {
    const correlator = by(['User', 'Image']);
    expect(
      run(
        correlator,
        [0, 1].map(second => ({ at: second, rule: 'a', values: { User: 'x' } })),
      ),
    ).toEqual([]);
    expect(correlator.counters).toMatchObject({ groups: 0, hits: 0, incomplete: 2 });
  });

  test('one for each combination of several values, and one alert for an event', () => {
    const both = { at: 0, rule: 'a', values: { Image: ['/bin/dash', '/bin/sh'] } };
    const correlator = by(['Image']);
    expect(run(correlator, [both, { ...both, at: 1, values: { Image: '/bin/sh' } }]).map(words)).toEqual([
      'it Image=/bin/sh 2 @1',
    ]);
    expect(run(correlator, [{ ...both, at: 2 }]).map(words)).toEqual(['it Image=/bin/dash 2 @2']);
    expect(run(by(['Image']), [both, { ...both, at: 1 }]).map(words)).toEqual(['it Image=/bin/dash 2 @1']);
  });

  test("an alias is each rule's own field", () => {
    const aliases = new Map([
      [
        'ip',
        new Map([
          [rule('a'), 'source.ip'],
          [rule('b'), 'destination.ip'],
        ]),
      ],
    ]);
    const correlator = by(['ip'], { type: 'temporal', condition: {}, rules: abc.slice(0, 2), aliases });
    const values = { 'source.ip': '10.0.0.5', 'destination.ip': '9.9.9.9' };
    expect(
      run(correlator, [
        { at: 0, rule: 'a', values },
        { at: 1, rule: 'b', values },
      ]),
    ).toEqual([]);
    const other = { 'source.ip': '8.8.8.8', 'destination.ip': '10.0.0.5' };
    expect(run(correlator, [{ at: 2, rule: 'b', values: other }]).map(words)).toEqual(['it ip=10.0.0.5 2 @2']);
  });

  test('keys are unambiguous and short, combinations bounded', () => {
    expect(keyOf(['1', '23'])).not.toBe(keyOf(['12', '3']));
    const long = 'x'.repeat(100_000);
    expect(keyOf([long]).length).toBeLessThan(64);
    expect(keyOf([long])).not.toBe(keyOf([`${long}y`]));
    expect(keyOf([keyOf([long])])).not.toBe(keyOf([long]));
    const many = Array.from({ length: 1_000 }, (_, i) => String(i));
    expect(combinations([many, many, many])).toHaveLength(16);
    expect(combinations([many, []])).toEqual([]);
    expect(combinations([])).toEqual([[]]);
  });
});

describe('what an alert is told', () => {
  test('facts, with the last 64 of the contributing events', () => {
    const correlator = make(correlation({ type: 'event_count', condition: { gte: 100 }, groupBy: ['__proto__'] }));
    const hits = Array.from({ length: 100 }, (_, i) => hit('a', i * 10, { ['__proto__']: 'x' }, `s${i}`));
    const [fired] = hits.flatMap(one => correlator.add(one));
    expect(fired?.last).toBe(hits.at(-1)!);
    const { events, group, ...facts } = fired!.facts;
    expect(facts).toEqual({
      ...{ type: 'event_count', timespanMs: 60_000, value: 100, condition: '{"gte":100}' },
      ...{ eventCount: 100, firstMs: 0, lastMs: 990 },
    });
    expect(Object.entries(group)).toEqual([['__proto__', 'x']]);
    expect(events.map(event => event.stamp)).toEqual(hits.slice(36).map(one => one.event.stamp));
    expect(events[0]).toEqual({ module: 'audit', stamp: 's36', ordinal: 0 });
  });

  test('late events stand where they belong', () => {
    const correlator = make(correlation({ type: 'event_count', condition: { gte: 3 } }));
    const [fired] = run(correlator, at('a', 10, 12, 11));
    expect(fired!.facts.events.map(event => event.stamp)).toEqual(['a@10', 'a@11', 'a@12']);
    expect(fired!.timeMs).toBe(12_000);
    expect(correlator.counters.late).toBe(0);
    run(correlator, at('a', 9.9));
    expect(correlator.counters.late).toBe(1);
  });
});

describe('chains', () => {
  const fails = correlation({ id: 'fails', type: 'event_count', condition: { gte: 2 }, groupBy: ['Host'] });
  const broken = correlation({ id: 'in', type: 'temporal_ordered', rules: [fails, rule('b')], groupBy: ['User'] });

  test("a correlation that fires is a hit; its fields are its group's, else its last event's", () => {
    const correlator = make(fails, broken);
    const values = { Host: 'h', User: 'u' };
    const steps = [...at('b', 0), ...at('a', 1, 2), ...at('b', 3)].map(step => ({ ...step, values }));
    expect(run(correlator, steps).map(words)).toEqual(['fails Host=h 2 @2', 'in User=u 2 @3']);
  });

  test('in one step', () => {
    const each = correlation({ id: 'each', type: 'event_count', condition: { gte: 1 }, rules: [fails] });
    expect(
      run(
        make(fails, each),
        [...at('a', 1, 2)].map(step => ({ ...step, values: { Host: 'h' } })),
      ).map(words),
    ).toEqual(['fails Host=h 2 @2', 'each 1 @2']);
  });

  test("one that was judged at its window's end is a hit at that time", () => {
    const quiet = correlation({ id: 'quiet', type: 'value_sum', fields: ['v'], condition: { lt: 5 } });
    const each = correlation({ id: 'each', type: 'event_count', condition: { gte: 1 }, rules: [quiet] });
    expect(run(make(quiet, each), [...valued([0, '1']), { at: 100 }]).map(words)).toEqual([
      'quiet 1 @60',
      'each 1 @60',
    ]);
  });

  test('the order of the list is the order of the chain', () => {
    expect(() => make(broken, fails)).toThrow('correlation in must stand after fails');
  });
});

describe('a reload', () => {
  const count = (digest: string) => correlation({ type: 'event_count', condition: { gte: 2 }, digest });

  test('keeps the state of what means the same', () => {
    const correlator = make(count('one'));
    run(correlator, at('a', 0));
    const next = count('one');
    correlator.setCorrelations([next]);
    const [fired] = run(correlator, at('a', 1));
    expect(fired?.correlation).toBe(next);
  });

  test('forgets what means something else, or is gone', () => {
    const correlator = make(count('one'));
    run(correlator, at('a', 0));
    correlator.setCorrelations([count('two')]);
    expect(correlator.counters).toMatchObject({ groups: 0, bytes: 0 });
    expect(run(correlator, at('a', 1))).toEqual([]);
    correlator.setCorrelations([]);
    expect(correlator.counters).toMatchObject({ groups: 0, bytes: 0 });
    expect(run(correlator, at('a', 2))).toEqual([]);
  });

  test('drops windows that wait for their end', () => {
    const quiet = correlation({ type: 'value_sum', fields: ['v'], condition: { lt: 5 } });
    const correlator = make(quiet);
    run(correlator, valued([0, '1']));
    correlator.setCorrelations([]);
    expect(run(correlator, [{ at: 1000 }])).toEqual([]);
  });
});

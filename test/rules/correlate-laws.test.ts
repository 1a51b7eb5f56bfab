// The correlator is what the slow oracle says, whatever comes in whatever order.

import { expect, setDefaultTimeout, test } from 'bun:test';
import fc from 'fast-check';
import type { Condition, Correlation } from '../../src/rules/ast.ts';
import { Correlator } from '../../src/rules/correlate/correlator.ts';
import type { Fired } from '../../src/rules/correlate/hit.ts';
import { correlation, hit, type Parts, rule } from './correlate-helpers.ts';
import { Oracle } from './correlate-oracle.ts';

/** `FUZZ=20` runs the law twenty times as often. */
const numRuns = 1_000 * Number(process.env.FUZZ ?? 1);
setDefaultTimeout(600_000);

const NAMES = ['a', 'b', 'c'];
const name = fc.constantFrom(...NAMES).map((of): Condition => ({ kind: 'selection', name: of }));
const expression = fc.oneof(
  fc
    .tuple(fc.constantFrom('and' as const, 'or' as const), name, name)
    .map(([kind, x, y]): Condition => ({ kind, of: [x, y] })),
  fc.tuple(name, name).map(([x, y]): Condition => ({ kind: 'and', of: [x, { kind: 'not', of: y }] })),
  fc.constant<Condition>({ kind: 'of', count: 2, names: NAMES }),
);
const number = fc.integer({ min: 1, max: 4 });
const lower = fc.oneof(
  fc.tuple(fc.constantFrom('gt', 'gte', 'eq'), number).map(([operator, value]) => ({ [operator]: value })),
  number.map(value => ({ gte: value, lte: value + 1 })),
);
const upper = fc.tuple(fc.constantFrom('lt', 'lte', 'neq'), number).map(([operator, value]) => ({ [operator]: value }));
const temporal = fc.constantFrom('temporal' as const, 'temporal_ordered' as const);
const what: fc.Arbitrary<Parts> = fc.oneof(
  lower.map(condition => ({ type: 'event_count' as const, condition })),
  lower.map(condition => ({ type: 'value_count' as const, condition, fields: ['v', 'w'] })),
  fc
    .tuple(
      fc.constantFrom('value_sum' as const, 'value_avg' as const, 'value_median' as const, 'value_percentile' as const),
      fc.oneof(lower, upper),
    )
    .map(([type, condition]) => ({ type, condition, fields: ['v'], percentile: 75 })),
  temporal.map(type => ({ type })),
  fc.tuple(temporal, lower).map(([type, condition]) => ({ type, condition })),
  fc.tuple(temporal, expression).map(([type, of]) => ({ type, expression: of })),
);
const parts = fc
  .tuple(
    what,
    fc.constantFrom<readonly string[]>([], ['g'], ['g', 'h']),
    fc.constantFrom(1_000, 2_000, 5_000, 20_000),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([of, groupBy, timespanMs, rules]): Parts => {
    const count = of.expression === undefined ? rules : NAMES.length;
    return { ...of, groupBy, timespanMs, rules: NAMES.slice(0, count).map(rule) };
  });

const values = fc.record(
  {
    g: fc.oneof(fc.constantFrom('x', 'y'), fc.constant(['x', 'y']), fc.constant(['y', 'y'])),
    h: fc.constantFrom('x', 'y'),
    v: fc.constantFrom('1', '2', '4', '-1', '0.5', 'none'),
    w: fc.constantFrom('1', '2'),
  },
  { requiredKeys: ['w', 'h'] },
);
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      /** Since the newest event; negative: late, some of them too late. */
      afterMs: fc.constantFrom(
        0,
        0,
        0,
        1,
        500,
        500,
        1_000,
        1_000,
        3_000,
        8_000,
        30_000,
        -1,
        -500,
        -1_500,
        -2_000,
        -2_500,
        -9_000,
      ),
      rules: fc.subarray(NAMES, { minLength: 1 }),
      values,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), afterMs: fc.integer({ min: 0, max: 9_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const), changed: fc.boolean() }) },
);

const told = (fired: readonly Fired[]) =>
  fired
    .map(({ correlation: { info }, facts, timeMs, last }) => ({
      id: info.id,
      timeMs,
      last: last.event.stamp,
      ...facts,
    }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

test('the correlator is the oracle', () => {
  fc.assert(
    fc.property(parts, parts, fc.array(step, { maxLength: 60 }), (first, second, steps) => {
      const [correlator, oracle] = [new Correlator({ maxBytes: 1e9 }), new Oracle()];
      let version = 0;
      const load = (): void => {
        const one = correlation({ ...first, id: 'one', digest: `one ${version}` });
        const two = correlation({ ...second, id: 'two', digest: 'two' });
        // Chained: what the first one found, after or before a rule.
        const expressed = second.expression !== undefined;
        const three: Correlation = correlation({
          ...{ ...second, id: 'three', digest: `three ${version}` },
          rules: expressed ? NAMES.map(rule) : [one, rule('b')],
        });
        for (const engine of [correlator, oracle]) engine.setCorrelations([one, two, three]);
      };
      load();
      let newestMs = 1_000_000;
      let event = 0;
      for (const now of steps) {
        if (now.kind === 'reload') {
          if (now.changed) version++;
          load();
        } else if (now.kind === 'advance') {
          const timeMs = newestMs + now.afterMs;
          expect(told(correlator.advance(timeMs))).toEqual(told(oracle.advance(timeMs)));
        } else {
          const timeMs = newestMs + now.afterMs;
          newestMs = Math.max(newestMs, timeMs);
          event++;
          for (const of of now.rules) {
            const same = hit(of, timeMs, now.values, `e${event}`);
            expect(told(correlator.add(same))).toEqual(told(oracle.add(same)));
          }
        }
      }
    }),
    { numRuns },
  );
});

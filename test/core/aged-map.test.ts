import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { AgedMap } from '../../src/core/aged-map.ts';

const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key: fc.nat(9).map(String) }),
  fc.record({ do: fc.constant('delete' as const), key: fc.nat(9).map(String) }),
  fc.record({ do: fc.constant('shift' as const), key: fc.constant('') }),
  fc.record({ do: fc.constant('look' as const), key: fc.constant('') }),
);

test('the oldest is the key that was set longest ago, whatever came and went', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const map = new AgedMap<number>();
      let order: string[] = [];
      for (const [i, { do: what, key }] of steps.entries()) {
        const target = what === 'shift' ? order[0] : key;
        if (what === 'shift') expect(map.oldest()).toBe(target);
        if (what !== 'look') order = order.filter(other => other !== target);
        if (what === 'set') {
          map.set(key, i);
          order.push(key);
        } else if (what !== 'look' && target !== undefined) map.delete(target);
        if (what === 'look') expect(map.oldest()).toBe(order[0]);
        expect([...map.keys()]).toEqual(order);
        expect(map.size).toBe(order.length);
      }
    }),
    { numRuns: 2_000 },
  );
});

// A line read back is its event: written again it is the same line, but for ids that are hashed from what no line holds.

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { KINDS } from '../../src/output/ecs/kinds.ts';
import { toEcs } from '../../src/output/ecs/line.ts';
import { eventOf } from '../../src/output/ecs/read.ts';
import { context, MATCH, SAMPLES } from './samples.ts';

const samples = Object.values(SAMPLES).filter(
  ({ kind }) => KINDS[kind].kind === 'event' && KINDS[kind].dataset !== 'agent',
);

/** Without ids, and without what is only the parent's or an ancestor's own. */
function comparable(line: unknown): unknown {
  return JSON.parse(
    JSON.stringify(line, (key, value: unknown) =>
      key === 'id' && /^[0-9a-f]{32}$/.test(String(value)) ? undefined : value,
    ),
    (key, value: unknown) => (key === 'entity_id' ? undefined : value),
  );
}

describe('eventOf', () => {
  test.each(samples.map(event => [event.kind, event] as const))('%s', (_, event) => {
    const line = toEcs(event, { ...MATCH, records: event.records?.map((_record, i) => i) ?? [] }, context());
    const back = eventOf(JSON.parse(JSON.stringify(line)));
    expect(back?.kind).toBe(event.kind as never);
    const again = toEcs(back!, { ...MATCH, records: back!.records?.map((_record, i) => i) ?? [] }, context());
    expect(comparable(again)).toEqual(comparable(line));
  });

  test('whatever JSON there is', () => {
    const paths = ['event', 'process', 'puppy', 'user', 'source', 'parent', 'ancestors', 'records', 'audit', 'args'];
    const json = fc.object({ key: fc.constantFrom(...paths, 'action', 'id', 'type'), maxDepth: 5 });
    fc.assert(
      fc.property(json, object => {
        eventOf(object);
        eventOf({ event: { action: 'exec' }, ...object });
        eventOf({ ...object, 'event.action': 'connect' });
      }),
    );
    for (const odd of [null, undefined, 3, 'x', [], { event: { action: '__proto__' } }])
      expect(eventOf(odd)).toBeUndefined();
  });
});

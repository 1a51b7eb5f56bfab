import { expect, test } from 'bun:test';
import Ajv from 'ajv';
import type { CorrelationFacts, Match } from '../../src/core/match.ts';
import { eventId } from '../../src/output/ecs/context.ts';
import { toEcs, toLine } from '../../src/output/ecs/line.ts';
import { eventsSchema } from '../../src/output/ecs/schema.ts';
import { context, MATCH, SAMPLES } from './samples.ts';

const isValid = new Ajv({ allErrors: true }).compile(eventsSchema());

const FACTS: CorrelationFacts = {
  type: 'event_count',
  timespanMs: 600_000,
  group: { User: 'root', 'process.name': 'su' },
  value: 5,
  condition: '>= 5',
  events: [SAMPLES.exec, SAMPLES.connect],
  eventCount: 5,
  firstMs: 1_700_000_000_000,
  lastMs: 1_700_000_000_123,
};
const alert: Match = { ...MATCH, correlation: FACTS, suppressed: 12, newTerms: { Image: '/usr/bin/curl' } };

interface Line {
  readonly message: string;
  readonly event: { readonly id: string };
  readonly puppy: Record<string, unknown>;
}
const ecs = (match: Match): Line => toEcs(SAMPLES.exec, match, context()) as unknown as Line;

test('an alert tells what it rests on: its group, events by their ids, what was held back, what is new', () => {
  const { message, puppy } = ecs(alert);
  expect(puppy.correlation).toEqual({
    type: 'event_count',
    timespan: '10m',
    group: [
      { field: 'User', value: 'root' },
      { field: 'process.name', value: 'su' },
    ],
    value: 5,
    condition: '>= 5',
    event_count: 5,
    events: [eventId(SAMPLES.exec, context()), eventId(SAMPLES.connect, context())],
    first: '2023-11-14T22:13:20.000Z',
    last: '2023-11-14T22:13:20.123Z',
  });
  expect(puppy).toMatchObject({ suppressed: 12, new_terms: [{ field: 'Image', value: '/usr/bin/curl' }] });
  expect(message).toStartWith(
    'Download piped into a shell: 5 events within 10m (User root, process.name su); the last: root (login alice) ran "curl',
  );
  expect(message).toEndWith('; not seen before on this host; 12 more like it before');
  expect(isValid(ecs(alert))).toBe(true);
});

test('two groups at one event are two alerts', () => {
  const other: Match = { ...alert, correlation: { ...FACTS, group: { User: 'alice' } } };
  expect(new Set([ecs(alert), ecs(other), ecs(MATCH)].map(line => line.event.id)).size).toBe(3);
});

test('whatever a group holds, the line keeps its bound', () => {
  const long = '\u001b\u202e\ud800"\n'.repeat(4_000);
  const group = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`field ${i} ${long}`, long]));
  const events = Array.from({ length: 64 }, (_, ordinal) => ({ ...SAMPLES.exec, ordinal }));
  const huge: Match = { ...alert, correlation: { ...FACTS, group, events, condition: long }, newTerms: group };
  for (const max of [30_000, 8_192]) {
    const line = toLine(SAMPLES.exec, huge, context(), max);
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(max);
    expect(isValid(JSON.parse(line))).toBe(true);
  }
});

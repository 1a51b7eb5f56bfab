import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Entries, type Entry } from '../../src/fsnotify/entries.ts';

const sorted = (entries: Iterable<readonly [string, Entry]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

test('packed entries are what a map would be', () => {
  const name = fc.oneof(
    fc.integer({ min: 0, max: 60 }).map(i => `n${i}`),
    fc.constantFrom('', 'ä', '\u{1f600}', 'a\\xff', 'x'.repeat(1_020), 'n', '-0'),
  );
  const entry = fc.record({
    inode: fc.oneof(fc.nat(9), fc.constantFrom(2 ** 53 + 2, 2 ** 63)),
    mtimeMs: fc.double({ noNaN: true }),
    ctimeMs: fc.nat(),
    told: fc.boolean(),
  });
  const step = fc.oneof(
    fc.tuple(fc.constant('set' as const), name, entry),
    fc.tuple(fc.constant('delete' as const), name, entry),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), steps => {
      const entries = new Entries();
      const map = new Map<string, Entry>();
      for (const [what, one, value] of steps) {
        if (what === 'set') {
          entries.set(one, value);
          map.set(one, value);
        } else expect(entries.delete(one)).toBe(map.delete(one));
        expect([entries.size, entries.get(one), entries.has(one)]).toEqual([map.size, map.get(one), map.has(one)]);
      }
      expect(sorted(entries)).toEqual(sorted(map));
      expect(entries.keys().sort()).toEqual([...map.keys()].sort());
      for (const [one] of entries) entries.delete(one);
      expect(entries.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test('many come and go in little time and room', () => {
  const entry: Entry = { inode: 1, mtimeMs: 2, ctimeMs: 3, told: false };
  const entries = new Entries();
  const start = performance.now();
  for (let i = 0; i < 100_000; i++) {
    entries.set(`file${i}`, entry);
    if (i >= 1_000) expect(entries.delete(`file${i - 1_000}`)).toBe(true);
  }
  for (let i = 0; i < 100_000; i++) entries.set(`more${i}`, entry);
  expect(entries.size).toBe(101_000);
  expect(performance.now() - start).toBeLessThan(3_000);
});

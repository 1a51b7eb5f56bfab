import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Listing } from '../../src/fsnotify/listing.ts';
import { survey } from '../../src/fsnotify/survey.ts';

const folder = mkdtempSync(join(tmpdir(), 'puppy-listing-'));
afterAll(() => rmSync(folder, { recursive: true }));
const names = Array.from({ length: 3_000 }, (_, i) => `f${i}`);
for (const name of names) writeFileSync(join(folder, name), '');

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('a directory’s entries, piece by piece', () => {
  const open = (): Listing => {
    const listing = Listing.open(folder);
    if (typeof listing === 'number') throw new Error(`error ${listing}`);
    return listing;
  };

  test('each once, and then it is whole', () => {
    const listing = open();
    const pieces: number[] = [];
    const found: string[] = [];
    while (listing.isOpen) {
      expect(listing.isWhole && pieces.length === 0).toBe(false);
      const piece = listing.next();
      pieces.push(piece.length);
      found.push(...piece.map(({ name }) => name));
    }
    expect(listing.isWhole).toBe(true);
    expect(found.sort()).toEqual([...names].sort());
    expect(Math.max(...pieces)).toBeLessThan(200);
  });

  test('what is given up leaves nothing open', () => {
    const before = openDescriptors();
    for (let i = 0; i < 100; i++) {
      const listing = open();
      listing.close();
      expect([listing.isOpen, listing.isWhole, listing.next()]).toEqual([false, false, []]);
    }
    expect(openDescriptors()).toBe(before);
  });

  test('an error number where there is none', () => {
    expect([Listing.open(join(folder, 'none')), Listing.open(join(folder, 'f1'))]).toEqual([2, 20]);
  });

  test('a survey has them in their order, and may end early', async () => {
    const before = openDescriptors();
    const found: string[] = [];
    for await (const { path } of survey({ paths: [`${folder}/*`], excludes: [] })) found.push(path);
    expect(found).toEqual(names.map(name => join(folder, name)).sort());
    for await (const _ of survey({ paths: [`${folder}/*`], excludes: [] })) break;
    expect(openDescriptors()).toBe(before);
  });
});

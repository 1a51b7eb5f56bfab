// Needs root: mounts a file system that is small enough to be full.

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteTerms } from '../../src/store/terms.ts';

const folder = mkdtempSync(join(tmpdir(), 'puppy-full-'));
const run = (...command: string[]): number => Bun.spawnSync(command).exitCode;
afterAll(() => {
  run('umount', folder);
  rmSync(folder, { recursive: true });
});

test('root: on a full disk new_terms rules go on in memory, and all of it is written when there is room', () => {
  expect(run('mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder)).toBe(0);
  const ballast = join(folder, 'ballast');
  writeFileSync(ballast, Buffer.alloc(3_400_000));
  const notes: string[] = [];
  const path = join(folder, 'terms.db');
  const open = (): SqliteTerms =>
    new SqliteTerms({ path, onNote: (level, message) => notes.push(`${level}: ${message}`) });
  const rule = { key: 'r', learnMs: 1e12 };
  const store = open();
  for (let tick = 1; tick <= 6; tick++) {
    for (let i = 0; i < 3_000; i++) expect(store.see(rule, [`${tick} ${i}`], tick)).toBe('learning');
    store.tick(tick);
  }
  expect(notes).toEqual([expect.stringMatching(/^warning: .*full; .*kept in memory until it can be written$/)]);
  expect(store.see(rule, ['6 0'], 7)).toBe('known');
  rmSync(ballast);
  for (const tick of [8, 9, 10]) store.tick(tick);
  expect(notes[1]).toMatch(/^info: .* is written again$/);
  expect(store.counters()).toMatchObject({ combinations: 18_000, unwritten: 0 });
  store.close();
  const again = open();
  expect(['1 0', '6 2999', 'x'].map(term => again.see(rule, [term], 11))).toEqual(['known', 'known', 'learning']);
  again.close();
});

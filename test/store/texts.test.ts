import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TextStore } from '../../src/store/texts.ts';

let dir: string;
let notes: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'puppy-texts-'));
  notes = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const open = (maxBytes?: number): TextStore =>
  new TextStore({
    path: join(dir, 'texts.db'),
    onNote: (_level, message) => notes.push(message),
    ...(maxBytes !== undefined && { maxBytes }),
  });

test('texts are there before they are written, after it, and after a restart', () => {
  const store = open();
  store.set('/etc/a\nb', 'one\n');
  expect(store.get('/etc/a\nb')).toBe('one\n');
  store.flush();
  expect(store.get('/etc/a\nb')).toBe('one\n');
  store.set('/etc/a\nb', 'zwei ü');
  store.set('/etc/gone', 'x');
  store.set('/etc/gone', undefined);
  store.close();
  const next = open();
  expect([next.get('/etc/a\nb'), next.get('/etc/gone'), next.get('/etc/c')]).toEqual(['zwei ü', undefined, undefined]);
  next.close();
  expect(statSync(join(dir, 'texts.db')).mode & 0o777).toBe(0o600);
  expect(notes).toEqual([]);
});

test('no more is kept than there is room for, told once', () => {
  const store = open(1_000);
  for (let i = 0; i < 100; i++) {
    store.set(`/f${i}`, `${crypto.randomUUID()}${crypto.randomUUID()}`);
    if (i % 10 === 0) store.flush();
  }
  expect(store.refused).toBeGreaterThan(50);
  expect(notes).toHaveLength(1);
  expect(store.get('/f0')).toBeDefined();
  expect(store.get('/f99')).toBeUndefined();
  store.close();
});

test('another’s file is left alone, and there are no diffs', () => {
  writeFileSync(
    join(dir, 'texts.db'),
    'not a database, but a long text of somebody else that stays as it is'.repeat(20),
  );
  const store = open();
  store.set('/a', 'x');
  expect(store.get('/a')).toBeUndefined();
  store.close();
  expect(notes.join()).toContain("can't be used");
});

import { expect, test } from 'bun:test';
import { MountNotes } from '../../src/fsnotify/mount-notes.ts';

test('mounts without end are few notes', () => {
  const notes = new MountNotes();
  const said: (readonly [number, string])[] = [];
  const hour = 3_600_000;
  for (let nowMs = 0; nowMs < 2.5 * hour; nowMs += 1_000) {
    for (const note of [notes.add('/tmp/x', true), notes.add('/tmp/x', false), notes.tick(nowMs)])
      if (note !== undefined) said.push([nowMs, note]);
  }
  expect(said.slice(0, 5)).toEqual([
    [0, '/tmp/x, which is watched, was mounted over'],
    [0, '/tmp/x, which is watched, was unmounted'],
    [1_000, '/tmp/x, which is watched, was mounted over'],
    [1_000, '/tmp/x, which is watched, was unmounted'],
    [12_000, 'watched directories were mounted over or unmounted 22 more times'],
  ]);
  expect(said.slice(5)).toEqual([
    [12_000 + hour, 'watched directories were mounted over or unmounted 7200 more times'],
    [12_000 + 2 * hour, 'watched directories were mounted over or unmounted 7200 more times'],
  ]);
});

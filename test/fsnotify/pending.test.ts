import { describe, expect, test } from 'bun:test';
import { decide, entryOf, MASK, type Seen } from '../../src/fsnotify/pending.ts';

const file: Seen = { mode: 0o100644, inode: 7, links: 1, mtimeMs: 100, ctimeMs: 100 };
const dir: Seen = { ...file, mode: 0o040755 };
const written: Seen = { ...file, mtimeMs: 200, ctimeMs: 200 };
const chmodded: Seen = { ...file, ctimeMs: 200 };
const other: Seen = { ...file, inode: 8 };
const old = entryOf(file, false);
const told = entryOf(file, true);
const { create, modify, closeWrite, attrib, access, found, vanished, changed } = MASK;
const removed = MASK.delete;

const CASES: readonly (readonly [
  string,
  number,
  ReturnType<typeof entryOf> | undefined,
  Seen | undefined,
  readonly string[],
])[] = [
  ['made and written', create | modify | closeWrite, undefined, file, ['created']],
  ['made again before the first was seen', create, old, other, ['created']],
  ['made after the silent look', create, old, file, ['created']],
  ['made, and told already', create | closeWrite, told, file, []],
  ['made, told, and then written', create | modify | closeWrite, told, written, ['modified']],
  ['a second name', create, undefined, { ...file, links: 2 }, ['linked']],
  ['a directory has many links', create, undefined, { ...dir, links: 3 }, ['created']],
  ['written', modify | closeWrite, old, written, ['modified']],
  ['written with no time passing', modify | closeWrite, old, file, ['modified']],
  ['written, of a file that was not remembered', modify, undefined, file, ['modified']],
  ['opened for writing, and not written', closeWrite, old, file, []],
  ['written through memory', closeWrite, old, written, ['modified']],
  ['touched', closeWrite | attrib, old, written, ['attributes_modified']],
  ['its mode', attrib, old, chmodded, ['attributes_modified']],
  ['written, and its mode', modify | closeWrite | attrib, old, written, ['modified', 'attributes_modified']],
  ['read', access, old, file, ['accessed']],
  ['removed', removed, old, undefined, ['deleted']],
  ['came and went', create | modify | removed, undefined, undefined, ['created', 'deleted']],
  ['replaced', create | removed, old, other, ['deleted', 'created']],
  ['came, went and came', create | removed, undefined, file, ['created']],
  ['removed, and something new is there', removed, old, other, ['deleted']],
  ['written, and gone before the look: who took it tells', modify, old, undefined, ['modified']],
  ['its mode, and gone', attrib, old, undefined, []],
  ['found', found, undefined, file, ['created']],
  ['found, and told already', found, told, file, []],
  ['found gone', vanished, old, undefined, ['deleted']],
  ['found gone, and told already', vanished, undefined, undefined, []],
  ['found gone, and back', vanished, old, file, []],
  ['found written', changed, old, written, ['modified']],
  ['found replaced', changed, old, other, ['modified']],
  ['found with another mode', changed, old, chmodded, ['attributes_modified']],
  ['found as it was', changed, old, file, []],
  ['a directory whose entries changed', changed, entryOf(dir, false), { ...dir, mtimeMs: 9, ctimeMs: 9 }, []],
  ['a directory with another mode', changed, entryOf(dir, false), { ...dir, mode: 0o040777 }, ['attributes_modified']],
];

describe('what events mean together', () => {
  test.each(CASES)('%s', (_, mask, before, now, kinds) =>
    expect(decide(mask, before, now)).toEqual([...kinds] as never),
  );
});

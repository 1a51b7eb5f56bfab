import { expect, test } from 'bun:test';
import { DigestTable } from '../../../src/fsnotify/packages/digest-table.ts';

const HEX = Buffer.from('00112233445566778899AABBCCDDEEFF'.repeat(2));

test('over several segments every file is found, with its owner and kind of digest, and no other', () => {
  const table = new DigestTable<string>([], 200_000);
  const owners = ['one', 'two'].map(name => table.addOwner(name));
  for (let i = 0; i < 150_000; i++) {
    const path = Buffer.from(`usr/lib/f${i}`);
    expect(table.add(owners[i % 2]!, path, 0, path.length, HEX, 0, i % 2 === 0 ? 32 : 64)).toBe(true);
  }
  expect(table.files).toBe(150_000);
  for (let i = 0; i < 150_000; i += 77) {
    const [found, ...others] = table.find(Buffer.from(`usr/lib/f${i}`));
    expect([found?.owner, found?.algorithm, others.length]).toEqual(
      i % 2 === 0 ? ['one', 'md5', 0] : ['two', 'sha256', 0],
    );
    expect(found?.matches({ md5: HEX.toString('latin1', 0, 32).toLowerCase() })).toBe(i % 2 === 0);
    expect(table.find(Buffer.from(`usr/lib/g${i}`))).toEqual([]);
  }
  table.removeOwner(owners[0]!);
  table.removeOwner(owners[0]!);
  expect([table.files, table.find(Buffer.from('usr/lib/f0')).length, table.isStale]).toEqual([75_000, 0, false]);
  table.removeOwner(owners[1]!);
  expect(table.isStale).toBe(true);
});

test('what is no digest is refused, and what is beyond the bound is counted', () => {
  const table = new DigestTable<string>([], 1);
  const owner = table.addOwner('x');
  const path = Buffer.from('a');
  const add = (hex: string, length = hex.length): boolean => table.add(owner, path, 0, 1, Buffer.from(hex), 0, length);
  expect([add('0'.repeat(31)), add('g'.repeat(32)), add('0'.repeat(20), 32)]).toEqual([false, false, false]);
  expect([add('0'.repeat(40)), add('0'.repeat(40)), table.files, table.refused]).toEqual([true, true, 1, 1]);
});

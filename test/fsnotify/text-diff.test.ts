import { describe, expect, test } from 'bun:test';
import { applyPatch } from 'diff';
import fc from 'fast-check';
import { isSecret, textOf, unifiedDiff } from '../../src/fsnotify/text-diff.ts';

describe('a diff', () => {
  test('shows what changed, with a line around it', () => {
    expect(unifiedDiff('a\nb\nc\nd\n', 'a\nb\nX\nd\n')).toBe('@@ -2,3 +2,3 @@\n b\n-c\n+X\n d\n');
    expect(unifiedDiff('', 'root::0:0\n')).toBe('@@ -0,0 +1,1 @@\n+root::0:0\n');
    expect(unifiedDiff('a\n', 'a\n')).toBeUndefined();
  });

  test('turns the one text into the other', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 }).map(list => list.join('\n'));
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const diff = unifiedDiff(before, after);
        expect(diff === undefined ? before : applyPatch(before, `--- a\n+++ b\n${diff}`)).toBe(after);
      }),
    );
  });

  test('of texts that have nothing in common is left out, soon', () => {
    const text = (word: string): string => Array.from({ length: 8_000 }, (_, i) => `${word}${i}`).join('\n');
    const start = performance.now();
    expect(unifiedDiff(text('a'), text('b'))).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

test('only texts have one', () => {
  expect(textOf(Buffer.from('grün\n'))).toBe('grün\n');
  expect(textOf(Buffer.from('a\0b'))).toBeUndefined();
  expect(textOf(Buffer.from([0x61, 0xff]))).toBeUndefined();
  expect(textOf(Buffer.alloc(70_000, 'x'))).toBeUndefined();
});

test('secrets stay secrets', () => {
  for (const path of ['/etc/shadow', '/etc/shadow-', '/root/.ssh/id_ed25519', '/srv/a/b/server.key', '/home/eve/.env'])
    expect([path, isSecret(path)]).toEqual([path, true]);
  for (const path of ['/etc/passwd', '/root/.ssh/authorized_keys', '/etc/cron.d/job', '/etc/ssh/sshd_config'])
    expect([path, isSecret(path)]).toEqual([path, false]);
});

import { describe, expect, test } from 'bun:test';
import { recordViews } from '../../src/audit/records.ts';
import { AuditReplay } from '../../src/audit/replay.ts';

/** The fingerprints of one event's records by type, PATH and EXECVE among them. */
function fingerprints(lines: readonly string[]): Record<string, string | undefined> {
  const out: Record<string, string | undefined> = {};
  const replay = new AuditReplay({ argvMaxBytes: 65_536 }, event => {
    for (const view of recordViews(event)) out[view.type] = view.fingerprint?.();
  });
  replay.feed(Buffer.from(lines.map(line => `${line}\n`).join('')));
  replay.finish();
  replay.close();
  return out;
}

const event = (serial: number, { cwd = '/a', name = '"/usr/bin/id"', args = 'a0="id" a1="-u"' } = {}): string[] => [
  `type=SYSCALL msg=audit(1795492277.063:${serial}): arch=c000003e syscall=59 success=yes exit=0 a0=${serial} items=1 ppid=1 pid=${serial} exe="/usr/bin/id"`,
  `type=EXECVE msg=audit(1795492277.063:${serial}): argc=2 ${args}`,
  `type=CWD msg=audit(1795492277.063:${serial}): cwd="${cwd}"`,
  `type=PATH msg=audit(1795492277.063:${serial}): item=0 name=${name} inode=9 dev=fe:00 mode=0100755 nametype=NORMAL`,
  `type=PROCTITLE msg=audit(1795492277.063:${serial}): proctitle="id"`,
];

describe('a fingerprint', () => {
  test('is the same for records with the same values', () => {
    const [a, b] = [fingerprints(event(5)), fingerprints(event(6, { cwd: '/b' }))];
    expect(a.EXECVE).toBeString();
    expect(a.PATH).toBeString();
    expect(a).toEqual(b);
  });
  test('differs with the arguments, and with where one ends and the next begins', () => {
    const all = ['a0="id" a1="-u"', 'a0="id-u" a1=""', 'a0="id" a1="-U"', 'a0="id" a1=2D75'].map(
      args => fingerprints(event(5, { args })).EXECVE,
    );
    expect(new Set(all).size).toBe(3);
  });
  test('is absent where a value comes from elsewhere, or always differs', () => {
    expect(fingerprints(event(5, { name: '"id"' })).PATH).toBeUndefined();
    expect(fingerprints(event(5, { name: '6964' })).PATH).toBeUndefined();
    expect(fingerprints(event(5)).SYSCALL).toBeUndefined();
  });
  test('is absent for huge argument lists', () => {
    expect(fingerprints(event(5, { args: `a0="id" a1="${'x'.repeat(2_000)}"` })).EXECVE).toBeUndefined();
  });
});

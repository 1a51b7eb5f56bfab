import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseLine } from '../../src/logs/line.ts';

const REFERENCE = new Date(2026, 10, 24, 8, 0, 0).getTime();
const local = (year: number, month: number, day: number, hour: number, minute: number, second: number): number =>
  new Date(year, month, day, hour, minute, second).getTime();
const parsed = (line: string) => {
  const { hasHeader: _, ...rest } = parseLine(line, REFERENCE);
  return rest;
};

describe('headers', () => {
  const sshd = { hostname: 'web1', program: 'sshd', pid: 812, message: 'Server listening.' };
  for (const [name, line, expected] of [
    ['traditional', 'Nov 24 07:40:13 web1 sshd[812]: Server listening.', { timeMs: local(2026, 10, 24, 7, 40, 13) }],
    [
      'a day of one digit',
      'Nov  4 07:40:13 web1 sshd[812]: Server listening.',
      { timeMs: local(2026, 10, 4, 7, 40, 13) },
    ],
    [
      'high precision',
      '2026-11-24T07:40:13.123456+02:00 web1 sshd[812]: Server listening.',
      { timeMs: Date.UTC(2026, 10, 24, 5, 40, 13, 123) },
    ],
    [
      'with a priority',
      '<86>Nov 24 07:40:13 web1 sshd[812]: Server listening.',
      { timeMs: local(2026, 10, 24, 7, 40, 13), facility: 10, severity: 6 },
    ],
    [
      'busybox',
      'Nov 24 07:40:13 web1 authpriv.info sshd[812]: Server listening.',
      { timeMs: local(2026, 10, 24, 7, 40, 13), facility: 10, severity: 6 },
    ],
    [
      'RFC 5424 with structured data',
      '<86>1 2026-11-24T07:40:13.003Z web1 sshd 812 ID1 [a@1 b="x]\\"y"][c d="e"] Server listening.',
      { timeMs: Date.UTC(2026, 10, 24, 7, 40, 13, 3), facility: 10, severity: 6 },
    ],
    [
      'RFC 5424 without',
      '<86>1 2026-11-24T07:40:13Z web1 sshd 812 - - Server listening.',
      { timeMs: Date.UTC(2026, 10, 24, 7, 40, 13), facility: 10, severity: 6 },
    ],
  ] as const) {
    test(name, () => expect(parsed(line)).toEqual({ ...sshd, ...expected }));
  }

  test('a line of last year, read in January', () => {
    const january = new Date(2026, 0, 2).getTime();
    expect(parseLine('Dec 31 23:59:59 web1 x: y', january).timeMs).toBe(local(2025, 11, 31, 23, 59, 59));
    expect(parseLine('Jan  1 00:00:00 web1 x: y', new Date(2025, 11, 31, 23, 59, 59).getTime()).timeMs).toBe(
      local(2026, 0, 1, 0, 0, 0),
    );
  });

  test('no process, no program, no host', () => {
    expect(parsed('Nov 24 07:40:13 web1 kernel: [ 1.0] eth0: up')).toMatchObject({
      program: 'kernel',
      message: '[ 1.0] eth0: up',
    });
    expect(parsed('Nov 24 07:40:13 web1 -- MARK --')).toEqual({
      timeMs: local(2026, 10, 24, 7, 40, 13),
      hostname: 'web1',
      message: '-- MARK --',
    });
    expect(parsed('Nov 24 07:40:13 sshd[1]: x')).toMatchObject({ program: 'sshd', pid: 1, message: 'x' });
    expect(parsed('sshd[1]: x')).toEqual({ program: 'sshd', pid: 1, message: 'x' });
  });

  test('clamd and vsftpd', () => {
    expect(parsed('Tue Nov 24 07:40:13 2026 -> /tmp/x: Win.Trojan FOUND')).toEqual({
      timeMs: local(2026, 10, 24, 7, 40, 13),
      message: '/tmp/x: Win.Trojan FOUND',
    });
    expect(parsed('Tue Nov 24 07:40:13 2026 [pid 3] CONNECT: Client "192.0.2.1"')).toMatchObject({ pid: 3 });
  });

  test('what is no header is text', () => {
    for (const line of [
      '',
      'plain',
      'Foo 24 07:40:13 a b: c',
      'Nov 44 07:40:13 a b: c',
      '<999>x',
      '2026-13-01T00:00:00Z a b: c',
    ]) {
      expect(parseLine(line, REFERENCE).timeMs).toBeUndefined();
    }
  });
});

test('a program is named at the line’s head, never inside the message', () => {
  const { program, message } = parseLine(
    'Nov 24 07:40:13 web1 bob: Nov 24 07:40:13 web1 sshd[1]: Accepted password for root from 192.0.2.1 port 1 ssh2',
    REFERENCE,
  );
  expect(program).toBe('bob');
  expect(message).toContain('sshd[1]: Accepted');
});

test('never throws, and the message is the end of the line', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map(text => `Nov 24 07:40:13 web1 ${text}`),
        fc.string().map(text => `<34>1 - h p - - ${text}`),
      ),
      line => {
        expect(line.endsWith(parseLine(line, REFERENCE).message.replace(/^\uFEFF/, ''))).toBe(true);
      },
    ),
  );
});

test('hostile lines take no longer than others', () => {
  const start = performance.now();
  for (const filler of [':', ' ', '[', '<1>', ' from ', '"', '\\', '] [', 'a='].map(text =>
    text.repeat(16_384 / text.length),
  )) {
    for (const head of ['', 'Nov 24 07:40:13 ', '<34>1 - h p - [', '<34>1 2026-11-24T07:40:13Z '])
      parseLine(head + filler, REFERENCE);
  }
  expect(performance.now() - start).toBeLessThan(2_000);
});

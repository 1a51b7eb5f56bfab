// Laws of the audit stage over what attackers can write: names, arguments, and whole records.

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { incompleteReasons } from '../../src/audit/complete.ts';
import { normalize } from '../../src/audit/normalize/index.ts';
import { textBytes } from '../../src/core/text.ts';
import { eventLines, observe, PROCTITLE, path, replay, syscall } from './replayed.ts';

/** As audit_log_n_untrustedstring() writes it. */
function untrusted(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  const isPlain = bytes.every(b => b >= 0x21 && b <= 0x7e && b !== 0x22);
  return isPlain ? `"${buffer.toString('latin1')}"` : buffer.toString('hex').toUpperCase();
}

const name = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).map(text => new Uint8Array(Buffer.from(text))),
    fc
      .string({ unit: fc.constantFrom('\\', 'x', '5', 'c', '0', '"', "'", ' ', '/'), minLength: 1 })
      .map(text => new Uint8Array(Buffer.from(text))),
    fc
      .constantFrom('(null)', '(none)', '?', '"?"', '=', 'a=b', '4294967295')
      .map(text => new Uint8Array(Buffer.from(text))),
  )
  .map(bytes => bytes.map(b => b || 1));

describe('what a process chose comes back byte for byte', () => {
  test('comm and exe', () => {
    fc.assert(
      fc.property(name, name, (comm, exe) => {
        const [seen] = observe(eventLines([syscall({ comm: untrusted(comm), exe: untrusted(exe) }), PROCTITLE]));
        const task = (seen as { task?: { comm?: string; exe?: string } }).task!;
        expect(textBytes(task.comm!)).toEqual(Buffer.from(comm));
        expect(textBytes(task.exe!)).toEqual(Buffer.from(exe));
      }),
      { numRuns: 300 },
    );
  });

  test('arguments', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(name, fc.constant(new Uint8Array())), { minLength: 1, maxLength: 12 }), args => {
        const text = args.map((arg, i) => `a${i}=${arg.length === 0 ? '""' : untrusted(arg)}`).join(' ');
        const [seen] = observe(
          eventLines([syscall({}), `EXECVE argc=${args.length} ${text}`, 'CWD cwd="/"', PROCTITLE]),
        );
        const got = (seen as { args?: readonly string[] }).args!;
        expect(got.map(arg => textBytes(arg))).toEqual(args.map(arg => Buffer.from(arg)));
        expect(Object.values(seen!.records.find(record => record.type === 'EXECVE')!.fields).slice(1)).toEqual([
          ...got,
        ]);
      }),
      { numRuns: 300 },
    );
  });
});

const EVENTS = [
  [
    syscall({ items: 2 }),
    'EXECVE argc=3 a0="x" a1_len=8 a1[0]=6162 a1[1]=6364 a2="z"',
    'CWD cwd="/"',
    path(0, '"a"'),
    path(1, '"/lib64/ld-linux-x86-64.so.2"'),
    PROCTITLE,
  ],
  [syscall({ syscall: 42 }), 'SOCKADDR saddr=0A001F900000000020010DB800000000000000000000000100000000', PROCTITLE],
  [
    syscall({ arch: '40000003', syscall: 102, a0: 'b' }),
    'SOCKETCALL nargs=6 a0=3 a3=20000000',
    'SOCKADDR saddr=02000050A9FEA9FE',
    PROCTITLE,
  ],
  ['URINGOP uring_op=16 success=yes exit=0 items=0 pid=1 uid=0', 'SOCKADDR saddr=02000050A9FEA9FE', 'EOE '],
  [
    'USER_LOGIN pid=1 uid=0 auid=1 ses=2 msg=\'op=adding user acct=28696E29 exe="/x" (hostname=?, addr=1.2.3.4, terminal=ssh res=failed)\'',
  ],
  [
    'AVC avc:  denied  { read } for  pid=1 comm="x" name="y"',
    syscall({ syscall: 257, success: 'no', exit: -13 }),
    PROCTITLE,
  ],
  ['LOGIN login pid=1 uid=0 old auid=4294967295 new auid=7'],
  ['CONFIG_CHANGE auid=1000 op=set audit_enabled=0 old=1 res=1\x1dAUID="x"'],
].map(records => Buffer.from(eventLines(records)));

interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: Uint8Array;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(5000),
  remove: fc.nat(12),
  insert: fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc
      .constantFrom(' ', '"', "'", '=', '(', '\x1d', '\n', ' msg=', 'a0=', '-1', '9'.repeat(20), '\0')
      .map(text => new Uint8Array(Buffer.from(text))),
  ),
});

function edited(bytes: Buffer, edits: readonly Edit[]): Buffer {
  return edits.reduce((now, { at, remove, insert }) => {
    const from = at % (now.length + 1);
    return Buffer.concat([now.subarray(0, from), insert, now.subarray(from + remove)]);
  }, bytes);
}

const NAMES = [
  'type',
  'name',
  'syscall',
  'SYSCALL',
  'a0',
  'a999999',
  'key',
  'laddr',
  'seresult',
  'op',
  'auid',
  'old-auid',
  'x',
  '',
];

test('normalising never throws, whatever the records say', () => {
  fc.assert(
    fc.property(fc.nat(EVENTS.length - 1), fc.array(edit, { minLength: 1, maxLength: 6 }), (which, edits) => {
      replay(
        edited(EVENTS[which]!, edits),
        event => {
          const reasons = incompleteReasons(event);
          const seen = normalize(event, 0, reasons.length > 0);
          if (seen === undefined) {
            expect(event.recordCount).toBe(0);
            return;
          }
          expect(seen.records!.length).toBe(event.recordCount);
          for (const view of seen.records!) {
            for (const [key, value] of view.entries()) expect([typeof key, typeof value]).toEqual(['string', 'string']);
            for (const key of NAMES) view.get(key);
          }
          for (let i = 0; i < event.recordCount; i++) event.line(i);
        },
        64,
      );
    }),
    { numRuns: 3000 },
  );
});

test('what `entries` gives, `get` gives', () => {
  for (const bytes of EVENTS) {
    replay(bytes, event => {
      for (const view of normalize(event, 0)!.records!) {
        for (const [key, value] of view.entries()) expect({ key, value: view.get(key) }).toEqual({ key, value });
      }
    });
  }
});

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  auditDevice,
  parseAuditId,
  parseClockTicks,
  parseCmdline,
  parseStartTicks,
  parseStat,
  parseStatus,
} from '../../src/proc/parse.ts';

// Linux 6.18, Debian 12: `cat /proc/self/stat` of a shell, the name replaced.
const TAIL =
  ' S 1199 1200 1200 34816 1210 4194304 1021 1580 0 0 1 2 0 0 20 0 1 0 482193 7639040 1024 18446744073709551615 1 1 0 0 0 0 0 0 0';

describe('stat', () => {
  test.each(['bash', ') R 1 (', 'a b', 'new\nline', '((', '))', ''])('a process named %j', name => {
    const bytes = Buffer.from(`1200 (${name})${TAIL}\n`);
    expect(parseStat(bytes)).toEqual({
      comm: name,
      ppid: 1199,
      sessionLeader: 1200,
      ttyNumber: 34816,
      kernelThread: false,
      startTimeTicks: 482193,
    });
    expect(parseStartTicks(bytes, bytes.length)).toBe(482193);
  });

  test('an invalid name is escaped', () => {
    const bytes = Buffer.concat([Buffer.from('7 (a'), Buffer.from([0xff]), Buffer.from(`)${TAIL}`)]);
    expect(parseStat(bytes)?.comm).toBe('a\\xff');
  });

  test('never throws, and both readers of the start time agree', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (name, whole) => {
        const bytes = Buffer.concat([Buffer.from('7 ('), name, Buffer.from(whole ? `)${TAIL}` : '')]);
        const ticks = parseStat(bytes)?.startTimeTicks;
        if (whole) expect(ticks).toBe(482193);
        expect(parseStartTicks(bytes, bytes.length)).toBe(ticks);
      }),
    );
  });
});

test('status', () => {
  const text = 'Name:\ta\\nUid:\t7\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t100\t100\t100\t100\nNSpid:\t812\t3\n';
  expect(parseStatus(text)).toEqual({
    uid: 1000,
    euid: 0,
    suid: 0,
    fsuid: 0,
    gid: 100,
    egid: 100,
    sgid: 100,
    fsgid: 100,
    nsPids: [812, 3],
  });
  expect(parseStatus('NSpid:\t5\n')).toEqual({});
});

test('audit ids: unset is absent', () => {
  expect(parseAuditId('4294967295')).toBeUndefined();
  expect(parseAuditId('')).toBeUndefined();
  expect(parseAuditId('1000\n')).toBe(1000);
  expect(parseAuditId('0')).toBe(0);
});

test('cmdline', () => {
  const split = (text: string) => parseCmdline(Buffer.from(text), Buffer.byteLength(text));
  expect(split('a\0b c\0')).toEqual(['a', 'b c']);
  expect(split('a\0\0\0')).toEqual(['a', '', '']);
  expect(split('nginx: worker process')).toEqual(['nginx: worker process']);
  expect(split('')).toEqual([]);
});

test('device numbers as audit writes them', () => {
  expect(auditDevice(0x801)).toBe('08:01');
  expect(auditDevice(0xfe00)).toBe('fe:00');
  expect(auditDevice(0x1000ff)).toBe('00:1ff');
  // A large minor, as an overlay's: its upper bits lie above the major.
  expect(auditDevice(0xfff00012)).toBe('00:fff12');
});

test('the clock tick of an auxiliary vector', () => {
  const auxv = Buffer.alloc(48);
  auxv.writeBigUInt64LE(6n, 0);
  auxv.writeBigUInt64LE(17n, 16);
  auxv.writeBigUInt64LE(100n, 24);
  expect(parseClockTicks(auxv)).toBe(100);
  expect(parseClockTicks(Buffer.alloc(7))).toBeUndefined();
});

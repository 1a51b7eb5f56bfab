// Who has which socket, over passes that find it or don't; and which listener takes a connection.

import { describe, expect, test } from 'bun:test';
import { type Listener, parseListeners, takers } from '../../src/pcap/sockets/listeners.ts';
import { OwnerMap } from '../../src/pcap/sockets/owners.ts';

describe('owners', () => {
  test('of several the one that started first, and how many', () => {
    const owners = new OwnerMap();
    for (const [pid, ticks] of [
      [70, 300],
      [80, 100],
      [90, 200],
    ] as const) {
      owners.saw(pid, ticks, 7, 0);
      owners.saw(pid, ticks, 7, 0);
    }
    expect(owners.ownersOf(7)).toMatchObject({ first: { pid: 80, startTicks: 100 }, count: 3 });
    expect(owners.ownersOf(8)).toBeUndefined();
  });

  test('whoever has it no more is none of them; what nobody has any more was its last owners, for a while', () => {
    const owners = new OwnerMap();
    owners.saw(10, 1, 7, 0);
    owners.saw(11, 2, 7, 0);
    owners.passed(0);
    // A pass that goes on may still come to the other one.
    owners.saw(11, 2, 7, 1_000);
    expect(owners.ownersOf(7)).toMatchObject({ first: { pid: 10 }, count: 2 });
    owners.passed(1_000);
    expect(owners.ownersOf(7)).toMatchObject({ first: { pid: 11 }, count: 1 });
    for (let ms = 2_000; ms < 301_000; ms += 10_000) owners.passed(ms);
    expect(owners.ownersOf(7)).toMatchObject({ first: { pid: 11 }, count: 1 });
    owners.passed(301_001);
    expect(owners.ownersOf(7)).toBeUndefined();
    expect(owners.size).toBe(0);
  });

  test('a process that got the pid of another is another', () => {
    const owners = new OwnerMap();
    owners.saw(10, 1, 7, 0);
    owners.passed(0);
    owners.saw(10, 5, 7, 1);
    owners.passed(1);
    expect(owners.ownersOf(7)).toMatchObject({ first: { pid: 10, startTicks: 5 }, count: 1 });
  });

  test('of more than are kept, the oldest are, and all are counted', () => {
    const owners = new OwnerMap();
    for (let pid = 1_000; pid > 0; pid--) owners.saw(pid, pid, 7, 0);
    expect(owners.ownersOf(7)).toMatchObject({ first: { pid: 1 }, count: 1_000 });
    expect(owners.ownersOf(7)!.some.map(({ pid }) => pid)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
  });

  test('is bounded: the sockets that were seen last stay', () => {
    const owners = new OwnerMap();
    for (let inode = 1; inode <= 70_000; inode++) for (const pid of [1, 2, 3]) owners.saw(pid, pid, inode, 0);
    expect(owners.size).toBe(65_536);
    expect(owners.ownersOf(1)).toBeUndefined();
    expect(owners.ownersOf(70_000)).toMatchObject({ first: { pid: 1 }, count: 3 });
  });
});

describe('listeners', () => {
  const V4 = '\x0a\0\0\x01';
  const V6 = `\xfd${'\0'.repeat(14)}\x01`;
  const some = (inode: number, address: string, more: Partial<Listener> = {}): Listener => ({
    ...{ inode, address, isIpv6: address.length === 16, isV6Only: false, interfaceIndex: 0 },
    ...more,
  });
  const any4 = '\0\0\0\0';
  const any6 = '\0'.repeat(16);

  test.each<[string, Listener[], string, number[]]>([
    ['its own address before any', [some(1, any4), some(2, V4)], V4, [2]],
    ['IPv4 before both', [some(1, any6), some(2, any4)], V4, [2]],
    ['both', [some(1, any6)], V4, [1]],
    ['IPv6 alone', [some(1, any6, { isV6Only: true })], V4, []],
    ['v4-mapped', [some(1, V4, { isIpv6: true }), some(2, any4)], V4, [1]],
    ['another address', [some(1, '\x0a\0\0\x02')], V4, []],
    ['IPv6', [some(1, any4), some(2, any6), some(3, V6)], V6, [3]],
    ['shared', [some(1, any4), some(2, any4), some(3, any6)], V4, [1, 2]],
    ['its own interface before any', [some(1, any4), some(2, any4, { interfaceIndex: 4 })], V4, [2]],
    ['another interface', [some(1, any4), some(2, V4, { interfaceIndex: 5 })], V4, [1]],
    ['closed meanwhile', [some(0, any4)], V4, []],
  ])('%s', (_, listeners, address, expected) => {
    expect(takers(listeners, address, 4)).toEqual(expected);
  });

  test('as the native part writes them; what is cut is left out', () => {
    const bytes = Buffer.alloc(70);
    bytes.writeUInt32LE(3, 8);
    bytes.writeUInt32LE(4_000_000_000, 12);
    bytes.set([10, 0, 0, 1], 16);
    bytes.writeInt32LE(1, 32);
    bytes.writeInt32LE(1, 36);
    bytes.set([0xff, 0xff, 10, 0, 0, 1], 58);
    expect(parseListeners(bytes)).toEqual([
      { isIpv6: false, isV6Only: false, interfaceIndex: 3, inode: 4_000_000_000, address: V4 },
      { isIpv6: true, isV6Only: true, interfaceIndex: 0, inode: 0, address: V4 },
    ]);
  });
});

// Capture files as replay reads them: formats, pieces, filters, and files that are cut or none.

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PcapFile } from '../../src/pcap/capture-file.ts';
import type { Packet, PcapProblem } from '../../src/pcap/reader.ts';

const scratch = mkdtempSync(join(tmpdir(), 'puppy-capture-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const HEADER = Buffer.from('4d3cb2a1020004000000000000000000ffff000001000000', 'hex'); // nanoseconds, Ethernet
const ARP = Buffer.concat([Buffer.alloc(12, 1), Buffer.from('0806', 'hex'), Buffer.alloc(28)]);

function record(second: number, nanosecond: number, bytes: Buffer, length = bytes.length): Buffer {
  const head = Buffer.alloc(16);
  for (const [i, n] of [second, nanosecond, bytes.length, length].entries()) head.writeUInt32LE(n, i * 4);
  return Buffer.concat([head, bytes]);
}

function file(...parts: readonly Buffer[]): string {
  const path = join(scratch, `${Math.random()}.pcap`);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

function open(path: string, filter?: string): PcapFile {
  const capture = PcapFile.open(path, filter);
  if (!(capture instanceof PcapFile)) throw new Error(capture.reason);
  return capture;
}

interface Content {
  readonly packets: readonly Packet[];
  readonly pieces: number;
  readonly problem: PcapProblem | undefined;
}

function content(path: string, filter?: string): Content {
  const capture = open(path, filter);
  const packets: Packet[] = [];
  let pieces = 0;
  for (let some = capture.next(); some !== undefined; some = capture.next(), pieces++) packets.push(...some);
  expect(capture.next()).toBeUndefined();
  expect(capture.stats().ringDropped).toBe(0);
  const { problem } = capture;
  capture.close();
  return { packets, pieces, problem };
}

test('packets with their times to the nanosecond that fits, lengths and bytes', () => {
  const { packets, problem } = content(file(HEADER, record(1_700_000_000, 123_456_789, ARP, 60)));
  expect(problem).toBeUndefined();
  const common = { linkType: 1, interfaceIndex: 0, direction: undefined };
  expect(packets).toEqual([{ ...common, timeMs: 1_700_000_000_123.4568, bytes: ARP, length: 60 }]);
});

test('many come in pieces that stay valid, also where the filter lets nothing through', () => {
  const records = Array.from({ length: 5000 }, (_, i) => record(i, 0, i % 100 === 0 ? ARP : Buffer.alloc(200, i)));
  const path = file(HEADER, ...records);
  const all = content(path);
  expect(all.packets.map(one => one.timeMs)).toEqual(records.map((_, i) => i * 1000));
  expect(all.packets[4999]!.bytes).toEqual(Buffer.alloc(200, 4999));
  expect(all.packets[1]!.bytes).toEqual(Buffer.alloc(200, 1));
  expect(all.pieces).toBeGreaterThan(3);
  expect(content(path, 'arp').packets.length).toBe(50);
  expect(content(path, 'udp port 53')).toMatchObject({ packets: [], pieces: expect.any(Number) });
});

test('a file that is cut gives what came before, and says where it ends', () => {
  const { packets, problem } = content(file(HEADER, record(1, 0, ARP), record(2, 0, ARP).subarray(0, 30)));
  expect(packets.map(one => one.timeMs)).toEqual([1000]);
  expect(problem).toEqual({
    error: 5,
    reason: 'truncated dump file; tried to read 42 captured bytes, only got 14 (at byte 112, after 1 packets)',
  });
});

test('what is no capture file', () => {
  expect(PcapFile.open(join(scratch, 'none'))).toEqual({ error: 2, reason: 'No such file or directory' });
  expect(PcapFile.open(file(Buffer.from('{"some": "json"}\n'.repeat(9))))).toMatchObject({
    error: 22,
    reason: expect.stringContaining('unknown file format'),
  });
  expect(PcapFile.open(file(Buffer.from('1f8b0800', 'hex')))).toMatchObject({ error: 22 });
  expect(PcapFile.open(scratch)).toMatchObject({ error: 22 });
  expect(PcapFile.open(file(HEADER), 'tcp or or')).toEqual({
    error: 22,
    reason: 'the filter is wrong at character 8 (or): syntax error',
  });
});

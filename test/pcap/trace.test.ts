import { describe, expect, test } from 'bun:test';
import { parsePageFormat, parseStateFormat } from '../../src/pcap/trace/format.ts';
import { readPage } from '../../src/pcap/trace/page.ts';
import { type TcpOpened, TcpStates } from '../../src/pcap/trace/states.ts';
import { type Change, change, FORMAT, HEADER_PAGE, item, PAGE, page, STATE } from './trace-bytes.ts';

const format = parseStateFormat(FORMAT)!;
const pageFormat = parsePageFormat(HEADER_PAGE)!;

interface Read {
  readonly isPage: boolean;
  readonly records: readonly { readonly length: number; readonly timeNs: number }[];
  readonly lost: readonly (readonly [count: number, timeNs: number])[];
}

function read(bytes: Buffer): Read {
  const records: { length: number; timeNs: number }[] = [];
  const lost: [number, number][] = [];
  const isPage = readPage(bytes, pageFormat, {
    record: (_, at, length, timeNs) => {
      expect(at + length).toBeLessThanOrEqual(bytes.length);
      records.push({ length, timeNs });
    },
    lost: (count, timeNs) => lost.push([count, timeNs]),
  });
  return { isPage, records, lost };
}

describe('formats', () => {
  test('say where each field is', () => {
    expect(format).toMatchObject({ id: 2287, tidAt: 4, socketAt: 8, sourcePortAt: 24, source6At: 40, bytes: 72 });
    expect(pageFormat).toEqual({ timeAt: 0, commitAt: 8, dataAt: 16, pageBytes: 4096 });
  });

  test('that have moved are followed', () => {
    const moved = FORMAT.replace(/offset:(\d+)/g, (_, at) => `offset:${Number(at) + 8}`).replace('ID: 2287', 'ID: 7');
    expect(parseStateFormat(moved)).toMatchObject({ id: 7, typeAt: 8, tidAt: 12, bytes: 80 });
  });

  test.each([
    ['', HEADER_PAGE.replace('timestamp', 'time')],
    [FORMAT.replace('skaddr', 'socket'), HEADER_PAGE.replace('4080', '99999999')],
    [
      FORMAT.replace('sport;\toffset:24;\tsize:2', 'sport;\toffset:24;\tsize:4'),
      HEADER_PAGE.replace('offset:16', 'offset:2'),
    ],
    [FORMAT.replace('offset:56', 'offset:9999'), ''],
    [FORMAT.replace('ID: 2287', 'ID: none'), HEADER_PAGE.replaceAll('size:8', 'size:2')],
  ])('that are not known are refused (%#)', (state, header) => {
    expect(parseStateFormat(state)).toBeUndefined();
    expect(parsePageFormat(header)).toBeUndefined();
  });
});

describe('a page', () => {
  test('of the kernel', () => {
    const { isPage, records, lost } = read(PAGE);
    expect(isPage).toBe(true);
    expect(records.map(({ length }) => length)).toEqual([72, 72, 72, 72, 72, 72]);
    // The clients slept for 200 ms between.
    const sleptMs = (i: number): number => (records[i]!.timeNs - records[i - 2]!.timeNs) / 1e6;
    for (const i of [2, 4]) expect(Math.round(sleptMs(i) / 10)).toBe(20);
    expect(lost).toEqual([]);
  });

  test('with each kind of item', () => {
    const items = [
      item(1, 5, Buffer.alloc(4)),
      item(30, 3, 2),
      item(0, 1, 4 + 10, Buffer.alloc(12)),
      item(29, 7, 4 + 8, Buffer.alloc(8)),
      item(31, 9, 16),
      item(2, 0, Buffer.alloc(8)),
      item(29, 0),
      item(1, 1, Buffer.alloc(4)),
    ];
    expect(read(page(1_000, items)).records).toEqual([
      { length: 4, timeNs: 1_005 },
      { length: 10, timeNs: 1_005 + 2 * 2 ** 27 + 3 + 1 },
      { length: 8, timeNs: 16 * 2 ** 27 + 9 },
    ]);
  });

  test('says how many were lost before it', () => {
    const count = Buffer.alloc(8);
    count.writeUInt32LE(321);
    expect(read(page(7, [], 2 ** 31)).lost).toEqual([[1, 7]]);
    expect(read(page(7, [], 2 ** 31 + 2 ** 30, count)).lost).toEqual([[321, 7]]);
  });

  test('that is none is told so', () => {
    const one = page(0, [item(1, 0, Buffer.alloc(4))]);
    for (const bytes of [
      Buffer.alloc(0),
      one.subarray(0, 12),
      page(0, [item(28, 0)]),
      page(0, [item(30, 0)]),
      page(0, [item(0, 0, 3)]),
      page(0, [item(0, 0, 0xffff_fffd)]),
      page(0, [item(29, 1, 0x8000_0000)]),
      page(0, [], 1 << 20),
    ])
      expect(read(bytes).isPage).toBe(false);
  });

  test('of any bytes is read in one pass', () => {
    let state = 2_463_534_242;
    const random = (below: number): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    };
    const inputs = Number(process.env.PUPPY_FUZZ_INPUTS ?? 100_000);
    const states = new TcpStates(format);
    const bytes = Buffer.alloc(PAGE.length);
    for (let i = 0; i < inputs; i++) {
      PAGE.copy(bytes);
      for (let changes = random(8); changes > 0; changes--) bytes[random(bytes.length)] = random(256);
      if (random(64) === 0) for (let at = 16; at < bytes.length; at++) bytes[at] = random(256);
      let items = 0;
      readPage(bytes.subarray(0, random(3) === 0 ? random(bytes.length) : bytes.length), pageFormat, {
        record: (page, at, length, timeNs) => {
          items++;
          states.record(page, at, length, timeNs);
        },
        lost: (count, timeNs) => states.lost(count, timeNs),
      });
      expect(items).toBeLessThan(bytes.length / 4);
      if (i % 10 === 0) states.settle(Number.POSITIVE_INFINITY, 0, () => {});
    }
  });
});

describe('states', () => {
  /** What is told of these changes, each at its time, once all is known until the end; `upToNs`: before. */
  class Run {
    readonly states = new TcpStates(format);
    readonly told: TcpOpened[] = [];

    change(timeNs: number, what: Change): this {
      const bytes = change(what);
      this.states.record(bytes, 0, bytes.length, timeNs);
      return this;
    }

    begins(timeNs: number, socket: number, tid: number): this {
      return this.change(timeNs, { socket, tid });
    }

    ends(timeNs: number, socket: number, sport: number): this {
      return this.change(timeNs, { socket, tid: 0, from: STATE.synSent, to: STATE.established, sport });
    }

    settle(upToNs: number): this {
      this.states.settle(upToNs, 1_000, opened => this.told.push(opened));
      return this;
    }

    get pairs() {
      return this.told.map(({ tid, ends }) => [tid, ends.source.port]);
    }
  }

  test('of the kernel are connections with both ends', () => {
    const states = new TcpStates(format);
    const told: TcpOpened[] = [];
    readPage(PAGE, pageFormat, {
      record: (bytes, at, length, timeNs) => states.record(bytes, at, length, timeNs),
      lost: () => {},
    });
    states.settle(Number.MAX_SAFE_INTEGER, 0, opened => told.push(opened));
    expect(told.map(({ tid, ends }) => [tid, ends.source, ends.destination])).toEqual([
      [2314, { ip: '127.0.0.1', port: 45742 }, { ip: '127.0.0.1', port: 47999 }],
      [2314, { ip: '::1', port: 55230 }, { ip: '::1', port: 47999 }],
      [2314, { ip: '127.0.0.1', port: 38682 }, { ip: '127.0.0.1', port: 47998 }],
    ]);
    expect(told.map(({ ends }) => [ends.family, ends.protocol])).toEqual([
      [4, 6],
      [6, 6],
      [4, 6],
    ]);
  });

  test('are taken in order of time, whichever buffer was read first', () => {
    const run = new Run().ends(2e6, 1, 40_001).ends(4e6, 1, 40_002).begins(1e6, 1, 11).begins(3e6, 1, 12).settle(9e6);
    expect(run.pairs).toEqual([
      [11, 40_001],
      [12, 40_002],
    ]);
    expect(run.told.map(({ timeMs }) => timeMs)).toEqual([1_001, 1_003]);
  });

  test('wait until all buffers were read', () => {
    const run = new Run().begins(1, 1, 11).ends(5, 1, 40_001).settle(4);
    expect(run.pairs).toEqual([]);
    expect(run.settle(5).pairs).toEqual([[11, 40_001]]);
  });

  test('that came too late join nothing', () => {
    const run = new Run().begins(1, 1, 11).settle(10).ends(5, 1, 40_001).settle(20).ends(21, 1, 40_002).settle(30);
    expect(run.pairs).toEqual([]);
    expect(run.states.counters).toMatchObject({ late: 1, unmatched: 1 });
  });

  test('around a loss join nothing', () => {
    const run = new Run().begins(1, 1, 11).begins(8, 2, 12).begins(12, 3, 13);
    run.states.lost(7, 10);
    run.ends(13, 1, 40_001).ends(14, 2, 40_002).ends(15, 3, 40_003).settle(20);
    expect(run.pairs).toEqual([[13, 40_003]]);
    expect(run.states.counters).toMatchObject({ lost: 7, unmatched: 4, opened: 1 });
  });

  test('before a loss that is seen later join nothing either', () => {
    const run = new Run().begins(1, 1, 11).settle(2);
    run.states.lost(1, 5);
    expect(run.settle(6).ends(7, 1, 40_001).settle(8).pairs).toEqual([]);
  });

  test('without a port, of other protocols, of other events tell nothing', () => {
    const run = new Run().begins(1, 1, 11).ends(2, 1, 0).change(3, { protocol: 262 }).settle(9);
    run.states.record(Buffer.alloc(72), 0, 72, 4);
    run.states.record(change({}), 0, 71, 4);
    expect(run.settle(10).pairs).toEqual([]);
    expect(run.states.counters).toMatchObject({ records: 2, portless: 1, unmatched: 0 });
  });

  test('are bounded', () => {
    const run = new Run();
    for (let i = 0; i < 20_000; i++) run.begins(i + 1, i, 11).settle(i + 1);
    run.ends(30_000, 0, 40_001).ends(30_001, 19_999, 40_002).settle(30_002);
    expect(run.pairs).toEqual([[11, 40_002]]);
    expect(run.states.counters).toMatchObject({ evicted: 20_000 - 16_384, unmatched: 1 });
    for (let i = 0; i < 70_000; i++) run.begins(40_000 + i, i, 11);
    expect(run.settle(200_000).states.counters.evicted).toBe(20_000 - 16_384 + 65_536);
  });
});

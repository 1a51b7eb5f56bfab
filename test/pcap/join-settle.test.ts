import { describe, expect, test } from 'bun:test';
import { type Call, settle } from '../../src/pcap/join/settle.ts';

const TICK_MS = 4;

/** `pid@time#sequence>after`, time in ms. */
const call = (text: string): Call => {
  const [, pid, timeMs, sequence, after] = /^(\d+)@(\d+)#(\d+)(?:>(\d+))?$/.exec(text)!;
  return { pid: Number(pid), timeMs: Number(timeMs), sequence: Number(sequence), after: Number(after ?? 0) };
};
const calls = (...texts: string[]): Call[] => texts.map(call);
const openings = (...times: number[]) => times.map(openedMs => ({ openedMs }));
const joined = (c: Call[], times: number[], knownMs: number) => settle(c, openings(...times), knownMs)?.joined;

describe('which call made which connection', () => {
  test('one call and one packet, once nothing else can come', () => {
    expect(joined(calls('1@100#1'), [101], 110)).toBeUndefined();
    expect(joined(calls('1@100#1'), [101], 125)).toEqual([0]);
  });

  test('a packet before the call is nobody’s', () => {
    expect(joined(calls('1@100#1'), [99, 101], 125)).toEqual([0]);
    expect(joined(calls('1@100#1'), [99], 400)).toEqual([-1]);
  });

  test('a call that no packet follows, after its time', () => {
    expect(settle(calls('1@100#1'), [], 300)).toBeUndefined();
    expect(joined(calls('1@100#1'), [], 360)).toEqual([-1]);
  });

  test('as many packets as calls before the next one began', () => {
    const found = settle(calls('1@100#1', '2@104#2'), openings(101, 105), 106);
    expect(found).toMatchObject({ calls: [{ pid: 1 }], joined: [0] });
  });

  test('in the order of processes that began one after the other', () => {
    expect(joined(calls('1@100#1', '2@100#5>3'), [101, 102], 130)).toEqual([0, 1]);
    expect(settle(calls('1@100#1', '2@100#5'), openings(101, 102), 130)).toMatchObject({ openings: [{}, {}] });
    expect(joined(calls('1@100#1', '2@100#5'), [101, 102], 130)).toBeUndefined();
  });

  test('datagram sockets that only ask which way a packet would go', () => {
    expect(joined(calls('1@100#1', '1@100#2', '1@100#3'), [101], 130)).toEqual([-1, -1, 0]);
    expect(joined(calls('1@100#1', '1@100#2', '2@104#9>5', '2@104#10'), [101, 105], 130)).toEqual([-1, 0]);
    // The last one's packet may not have left: that the second is another's can't be excluded.
    expect(settle(calls('1@100#1', '1@100#2', '2@100#9>5', '3@104#12'), openings(101, 102), 110)).toBeUndefined();
  });

  test('more packets than calls: somebody else’s call has not ended', () => {
    expect(settle(calls('1@100#1'), openings(101, 102), 200)).toBeUndefined();
    expect(joined(calls('1@100#1'), [101, 102], 400)).toBeUndefined();
    expect(settle(calls('1@100#1'), openings(101, 102), 400)?.openings.length).toBe(2);
  });

  test('no wrong one among thousands, whatever overlaps', () => {
    let seed = 7;
    const random = (most: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % most;
    };
    let right = 0;
    for (const parallel of [1, 2, 8, 64]) {
      for (let round = 0; round < 60; round++) {
        // Microseconds: each worker connects, exits, and the next process begins.
        const made: { call: Call; sentUs: number; endUs: number; index: number }[] = [];
        for (let worker = 0; worker < parallel; worker++) {
          let us = random(3_000);
          for (let i = 0; i < 20; i++) {
            const beginUs = us + 300 + random(3_000);
            const sentUs = beginUs + random(100) + (random(20) === 0 ? random(9_000) : 0);
            const endUs = sentUs + random(400) + (random(10) === 0 ? random(40_000) : 0);
            const timeMs = Math.floor(beginUs / 1000 / TICK_MS) * TICK_MS;
            const pid = 1 + worker * 100 + i;
            made.push({
              call: { pid, timeMs, sequence: 0, after: beginUs - 200 },
              sentUs,
              endUs,
              index: made.length,
            });
            us = endUs;
          }
        }
        // Serials follow the ends of calls; what the process did before has one too.
        const all = made.map(one => ({
          ...one,
          call: { ...one.call, sequence: one.endUs * 2 + 1, after: one.call.after * 2 },
        }));
        let waiting = all.toSorted((a, b) => a.call.timeMs - b.call.timeMs).map(({ call }) => call);
        let left = all
          .toSorted((a, b) => a.sentUs - b.sentUs)
          .map(({ sentUs, call }) => ({ openedMs: Math.floor(sentUs / 1000), pid: call.pid }));
        for (let found = settle(waiting, left, 1e9); found !== undefined; found = settle(waiting, left, 1e9)) {
          const { calls: some, openings: theirs, joined: places } = found;
          const gone = new Set<unknown>([...some, ...theirs]);
          waiting = waiting.filter(one => !gone.has(one));
          left = left.filter(one => !gone.has(one));
          places?.forEach((place, i) => {
            if (place < 0) return;
            expect(theirs[place]!.pid).toBe(some[i]!.pid);
            right++;
          });
        }
        expect(waiting).toEqual([]);
      }
    }
    expect(right).toBeGreaterThan(2_000);
  });
});

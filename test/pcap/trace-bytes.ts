// Pages of tracefs' ring buffer for tests: a real one (Linux 6.18, x86_64: three connections, the last one refused), and made ones.

export const FORMAT = `name: inet_sock_set_state
ID: 2287
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:const void * skaddr;	offset:8;	size:8;	signed:0;
	field:int oldstate;	offset:16;	size:4;	signed:1;
	field:int newstate;	offset:20;	size:4;	signed:1;
	field:__u16 sport;	offset:24;	size:2;	signed:0;
	field:__u16 dport;	offset:26;	size:2;	signed:0;
	field:__u16 family;	offset:28;	size:2;	signed:0;
	field:__u16 protocol;	offset:30;	size:2;	signed:0;
	field:__u8 saddr[4];	offset:32;	size:4;	signed:0;
	field:__u8 daddr[4];	offset:36;	size:4;	signed:0;
	field:__u8 saddr_v6[16];	offset:40;	size:16;	signed:0;
	field:__u8 daddr_v6[16];	offset:56;	size:16;	signed:0;
`;

export const HEADER_PAGE = `	field: u64 timestamp;	offset:0;	size:8;	signed:0;
	field: local_t commit;	offset:8;	size:8;	signed:1;
	field: int overwrite;	offset:8;	size:1;	signed:1;
	field: char data;	offset:16;	size:4080;	signed:0;
`;

/** By 127.0.0.1 from 45742, by ::1 from 55230, and to ::ffff:127.0.0.1, refused, from 38682; by the thread 2314. */
export const PAGE = Buffer.from(
  `83811f89392d0000d80100000000000012000000ef0800000a09000040ae18268188ffff0700
00000200000000007fbb020006007f0000017f00000100000000000000000000ffff7f000001
00000000000000000000ffff7f000001b2a20a00ef0800000a09000040ae18268188ffff0200
000001000000aeb27fbb020006007f0000017f00000100000000000000000000ffff7f000001
00000000000000000000ffff7f000001be7c1b7e0100000012000000ef0800000a090000c009
0f268188ffff070000000200000000007fbb0a00060000000000000000000000000000000000
000000000000000100000000000000000000000000000001d2110e00ef0800000a090000c009
0f268188ffff0200000001000000bed77fbb0a00060000000000000000000000000000000000
0000000000000001000000000000000000000000000000019e96ff7d0100000012000000ef08
00000a090000c0090f268188ffff070000000200000000007ebb0a0006007f0000017f000001
00000000000000000000ffff7f00000100000000000000000000ffff7f000001f22b0c00ef08
00000a090000c0090f268188ffff02000000070000001a977ebb0a0006007f0000017f000001
00000000000000000000ffff7f00000100000000000000000000ffff7f000001`.replaceAll('\n', ''),
  'hex',
);

export const STATE = { established: 1, synSent: 2, close: 7 } as const;
const RECORD_BYTES = 72;

export interface Change {
  readonly socket?: number;
  readonly tid?: number;
  readonly from?: number;
  readonly to?: number;
  readonly sport?: number;
  readonly dport?: number;
  readonly protocol?: number;
}

/** A record of `FORMAT`, over 127.0.0.1. */
export function change({
  socket = 1,
  tid = 100,
  from = STATE.close,
  to = STATE.synSent,
  sport = 0,
  dport = 80,
  protocol = 6,
}: Change): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes.writeUInt16LE(2287, 0);
  bytes.writeInt32LE(tid, 4);
  bytes.writeBigUInt64LE(0xffff_8881_0000_0000n + BigInt(socket) * 64n, 8);
  bytes.writeInt32LE(from, 16);
  bytes.writeInt32LE(to, 20);
  for (const [i, value] of [sport, dport, 2, protocol].entries()) bytes.writeUInt16LE(value, 24 + 2 * i);
  bytes.set([127, 0, 0, 1, 127, 0, 0, 1], 32);
  return bytes;
}

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};

/** `type` and `delta` as the ring buffer has them, then words and bytes. */
export const item = (type: number, delta: number, ...rest: (number | Buffer)[]): Buffer =>
  Buffer.concat([word(type + delta * 32), ...rest.map(one => (typeof one === 'number' ? word(one) : one))]);

export function page(timeNs: number, items: readonly Buffer[], flags = 0, missed = Buffer.alloc(0)): Buffer {
  const data = Buffer.concat(items);
  const header = Buffer.alloc(16);
  header.writeBigUInt64LE(BigInt(timeNs));
  header.writeUInt32LE((flags + data.length) >>> 0, 8);
  return Buffer.concat([header, data, missed, Buffer.alloc(64)]);
}

// Frames made from their parts, for tests: only what a test says differs from a plain packet.

import { addressBytes } from '../../src/core/address.ts';

const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** `S` SYN, `A` ACK, `F` FIN, `R` RST, `P` PSH. */
const FLAGS: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, A: 16 };

export interface TcpParts {
  readonly from: number;
  readonly to: number;
  readonly flags: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly options?: number;
  readonly data?: Uint8Array | string;
}

const bytesOf = (data: Uint8Array | string = ''): Buffer => Buffer.from(data as string, 'latin1');

export function tcp(parts: TcpParts): number[] {
  const options = parts.options ?? 0;
  const flags = [...parts.flags].reduce((all, letter) => all | FLAGS[letter]!, 0);
  return [
    ...u16(parts.from),
    ...u16(parts.to),
    ...u32(parts.seq ?? 0),
    ...u32(parts.ack ?? 0),
    ((20 + options) / 4) << 4,
    flags,
    ...u16(64_240),
    ...[0, 0, 0, 0],
    ...new Array<number>(options).fill(1),
    ...bytesOf(parts.data),
  ];
}

export function udp(from: number, to: number, data: Uint8Array | string = ''): number[] {
  const bytes = bytesOf(data);
  return [...u16(from), ...u16(to), ...u16(8 + bytes.length), 0, 0, ...bytes];
}

export function sctp(from: number, to: number, tag: number, chunk: number, initTag: number): number[] {
  return [
    ...u16(from),
    ...u16(to),
    ...u32(tag),
    0,
    0,
    0,
    0,
    chunk,
    0,
    ...u16(20),
    ...u32(initTag),
    ...u32(0),
    ...u32(0),
    ...u32(0),
  ];
}

export function icmp(
  type: number,
  code: number,
  rest: readonly number[] = [0, 0, 0, 0],
  quoted: readonly number[] = [],
): number[] {
  return [type, code, 0, 0, ...rest, ...quoted];
}

export interface IpParts {
  readonly ttl?: number;
  readonly id?: number;
  /** Fragment offset in bytes, and whether more follow. */
  readonly offset?: number;
  readonly more?: boolean;
  /** IPv4 options, bytes. */
  readonly options?: number;
  /** The total or payload length that the header states. */
  readonly length?: number;
}

const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132, ah: 51 };
export type Protocol = keyof typeof PROTOCOLS | number;
const numberOf = (protocol: Protocol): number => (typeof protocol === 'number' ? protocol : PROTOCOLS[protocol]);

/** An IPv4 or IPv6 packet, by its addresses. */
export function ip(
  from: string,
  to: string,
  protocol: Protocol,
  payload: readonly number[],
  parts: IpParts = {},
): number[] {
  const [source, destination] = [addressBytes(from)!, addressBytes(to)!];
  if (source.length === 16) {
    return [
      ...[0x60, 0, 0, 0],
      ...u16(parts.length ?? payload.length),
      numberOf(protocol),
      parts.ttl ?? 64,
      ...source,
      ...destination,
      ...payload,
    ];
  }
  const options = parts.options ?? 0;
  const fragment = ((parts.offset ?? 0) >> 3) | (parts.more ? 0x2000 : 0);
  return [
    0x40 | (5 + options / 4),
    0,
    ...u16(parts.length ?? 20 + options + payload.length),
    ...u16(parts.id ?? 0x1234),
    ...u16(fragment),
    parts.ttl ?? 64,
    numberOf(protocol),
    0,
    0,
    ...source,
    ...destination,
    ...new Array<number>(options).fill(1),
    ...payload,
  ];
}

/** `tags`: VLAN tags, the outer one first. */
export function ethernet(packet: readonly number[], ...tags: { type: number; vlan: number }[]): Buffer {
  const type = packet[0]! >> 4 === 6 ? 0x86dd : 0x0800;
  const macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0xab, 2];
  return Buffer.from([...macs, ...tags.flatMap(tag => [...u16(tag.type), ...u16(tag.vlan)]), ...u16(type), ...packet]);
}

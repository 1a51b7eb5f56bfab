// The bytes of a socket address, as SOCKADDR records have them in `saddr`. Pure; takes what user space passed to the kernel, so that
// lengths lie, and never throws. Facts that the bytes don't hold are absent.

import { ipv4Text, ipv6Text, isMappedIpv4 } from '../core/address.ts';
import { safeText } from '../core/text.ts';
import { AF_MAX, socketFamilyName } from './tables/sockets.ts';

export type Sockaddr =
  | { readonly family: 'inet'; readonly ip?: string; readonly port?: number; readonly mapped?: true }
  | { readonly family: 'inet6'; readonly ip?: string; readonly port?: number; readonly scopeId?: number }
  /** `path` of an abstract socket begins with `@`; an unnamed socket has none. */
  | { readonly family: 'unix'; readonly path?: string }
  | { readonly family: 'netlink'; readonly pid?: number; readonly groups?: number }
  | { readonly family: 'packet'; readonly protocol?: number; readonly ifindex?: number }
  | { readonly family: 'vsock'; readonly cid?: number; readonly port?: number }
  /** The kernel's crypto interface: `type` such as `aead`, `name` the algorithm. */
  | { readonly family: 'alg'; readonly type?: string; readonly name?: string }
  | { readonly family: 'other'; readonly number?: number; readonly name?: string };

/** The kernel copies at most sizeof(struct sockaddr_storage). */
export const SOCKADDR_MAX_BYTES = 128;

const AF = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17, alg: 38, vsock: 40 } as const;

/** Decodes the first `length` bytes of `bytes`. */
export function decodeSockaddr(bytes: Buffer, length = bytes.length): Sockaddr {
  if (length < 2) return { family: 'other' };
  let number = bytes[0]! | (bytes[1]! << 8);
  let isBigEndian = false;
  if (number >= AF_MAX && bytes[0] === 0 && bytes[1]! < AF_MAX) {
    // The family is in the host's byte order, so this is a big-endian host's log.
    number = bytes[1]!;
    isBigEndian = true;
  }
  const host32 = (at: number): number => (isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at));
  const port = length >= 4 ? { port: (bytes[2]! << 8) | bytes[3]! } : {};
  switch (number) {
    case AF.inet:
      return length >= 8 ? { family: 'inet', ip: ipv4Text(bytes, 4), ...port } : { family: 'inet', ...port };
    case AF.inet6:
      return inet6(bytes, length, port, host32);
    case AF.unix:
      return unix(bytes, length);
    case AF.netlink:
      return length >= 12 ? { family: 'netlink', pid: host32(4), groups: host32(8) } : { family: 'netlink' };
    case AF.packet:
      return length >= 8
        ? { family: 'packet', protocol: bytes.readUInt16BE(2), ifindex: host32(4) }
        : { family: 'packet' };
    case AF.vsock:
      return length >= 12 ? { family: 'vsock', port: host32(4), cid: host32(8) } : { family: 'vsock' };
    case AF.alg:
      return length >= 25
        ? { family: 'alg', type: cString(bytes, 2, 16), name: cString(bytes, 24, length) }
        : { family: 'alg' };
    default: {
      const name = socketFamilyName(number);
      return name === undefined ? { family: 'other', number } : { family: 'other', number, name };
    }
  }
}

/** Decodes hex digits; undefined where they aren't hex. */
export function parseSaddr(hex: string): Sockaddr | undefined {
  if (hex.length % 2 !== 0 || /[^0-9a-f]/i.test(hex)) return undefined;
  return decodeSockaddr(Buffer.from(hex.slice(0, 2 * SOCKADDR_MAX_BYTES), 'hex'));
}

function inet6(bytes: Buffer, length: number, port: { port?: number }, host32: (at: number) => number): Sockaddr {
  if (length < 24) return { family: 'inet6', ...port };
  if (isMappedIpv4(bytes, 8)) return { family: 'inet', ip: ipv4Text(bytes, 20), ...port, mapped: true };
  const scopeId = length >= 28 ? host32(24) : 0;
  const ip = ipv6Text(bytes, 8);
  return scopeId === 0 ? { family: 'inet6', ip, ...port } : { family: 'inet6', ip, ...port, scopeId };
}

function unix(bytes: Buffer, length: number): Sockaddr {
  if (length === 2) return { family: 'unix' };
  if (bytes[2] !== 0) return { family: 'unix', path: cString(bytes, 2, length) };
  // Every byte counts in an abstract name, but callers who pass the whole structure pad it.
  let end = length;
  while (end > 3 && bytes[end - 1] === 0) end--;
  return end === 3 ? { family: 'unix' } : { family: 'unix', path: `@${safeText(bytes, 3, end)}` };
}

function cString(bytes: Buffer, from: number, to: number): string {
  let end = from;
  while (end < to && bytes[end] !== 0) end++;
  return safeText(bytes, from, end);
}

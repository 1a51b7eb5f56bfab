// Which of the sockets that listen on a port takes a connection to an address, as the kernel chooses (net/ipv4/inet_hashtables.c). Pure.

/** As native/sock_diag.h has them. */
const ENTRY_BYTES = 32;
const ADDRESS_AT = 16;
const MAPPED = '\0\0\0\0\0\0\0\0\0\0\xff\xff';

export interface Listener {
  readonly isIpv6: boolean;
  readonly isV6Only: boolean;
  /** 0: any. */
  readonly interfaceIndex: number;
  readonly inode: number;
  /** Address bytes as one latin1 string; a v4-mapped one is the IPv4 address. */
  readonly address: string;
}

export function parseListeners(bytes: Uint8Array): Listener[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const listeners: Listener[] = [];
  for (let at = 0; at + ENTRY_BYTES <= buffer.length; at += ENTRY_BYTES) {
    const isIpv6 = buffer.readInt32LE(at) !== 0;
    const address = buffer.latin1Slice(at + ADDRESS_AT, at + ADDRESS_AT + (isIpv6 ? 16 : 4));
    listeners.push({
      isIpv6,
      isV6Only: buffer.readInt32LE(at + 4) !== 0,
      interfaceIndex: buffer.readUInt32LE(at + 8),
      inode: buffer.readUInt32LE(at + 12),
      address: address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address,
    });
  }
  return listeners;
}

/** The inode of who takes it; several where they share the port (SO_REUSEPORT). `interfaceIndex` 0: not known. */
export function takers(listeners: readonly Listener[], address: string, interfaceIndex: number): number[] {
  let best = 0;
  let inodes: number[] = [];
  for (const listener of listeners) {
    const score = scoreOf(listener, address, interfaceIndex);
    if (score === 0 || score < best || listener.inode === 0) continue;
    if (score > best) inodes = [];
    best = score;
    inodes.push(listener.inode);
  }
  return inodes;
}

/** 0 where it takes none. */
function scoreOf(listener: Listener, address: string, interfaceIndex: number): number {
  const { isIpv6, isV6Only } = listener;
  const isForIpv4 = address.length === 4;
  if (isForIpv4 ? isIpv6 && isV6Only : !isIpv6) return 0;
  if (listener.interfaceIndex !== 0 && listener.interfaceIndex !== interfaceIndex) return 0;
  const isExact = listener.address === address;
  if (!isExact && !/^\0+$/.test(listener.address)) return 0;
  return 1 + (isExact ? 4 : 0) + (listener.interfaceIndex === 0 ? 0 : 1) + (isForIpv4 && !isIpv6 ? 1 : 0);
}

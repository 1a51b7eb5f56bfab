// IP addresses and networks as numbers. A v4-mapped v6 address is the v4 address. Pure.

export interface IpNetwork {
  readonly version: 4 | 6;
  readonly network: bigint;
  readonly mask: bigint;
}

export interface IpAddress {
  readonly version: 4 | 6;
  readonly bits: bigint;
}

export function parseIp(text: string): IpAddress | undefined {
  if (text.length > 64) return undefined;
  if (!text.includes(':')) {
    const bits = parseV4(text);
    return bits === undefined ? undefined : { version: 4, bits };
  }
  const bits = parseV6(text.replace(/%.*$/, ''));
  if (bits === undefined) return undefined;
  if (bits >> 32n === 0xffffn) return { version: 4, bits: bits & 0xffffffffn };
  return { version: 6, bits };
}

/** `a.b.c.d/n`, `x::/n`, or a single address. Undefined when it isn't one. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [address, length, ...rest] = text.split('/');
  if (address === undefined || rest.length > 0) return undefined;
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined;
  const ip = parseIp(address);
  if (ip === undefined) return undefined;
  const isMapped = ip.version === 4 && address.includes(':');
  const width = ip.version === 4 ? 32 : 128;
  let prefix = length === undefined ? width : Number(length);
  if (isMapped && length !== undefined) prefix -= 96;
  if (prefix < 0 || prefix > width) return undefined;
  const all = (1n << BigInt(width)) - 1n;
  const mask = all ^ ((1n << BigInt(width - prefix)) - 1n);
  return { version: ip.version, network: ip.bits & mask, mask };
}

export const inNetwork = (network: IpNetwork, ip: IpAddress): boolean =>
  ip.version === network.version && (ip.bits & network.mask) === network.network;

/** A v4-mapped v6 address as v4; anything else as it is. */
export function plainIp(text: string): string {
  if (text.length > 64 || !/ffff:/i.test(text)) return text;
  const ip = parseIp(text);
  if (ip?.version !== 4) return text;
  return [24n, 16n, 8n, 0n].map(shift => String((ip.bits >> shift) & 0xffn)).join('.');
}

function parseV4(text: string): bigint | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let bits = 0n;
  for (const part of match.slice(1)) {
    if (Number(part) > 255) return undefined;
    bits = (bits << 8n) | BigInt(part);
  }
  return bits;
}

function parseV6(text: string): bigint | undefined {
  let body = text;
  const tail: number[] = [];
  const dotted = /:(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    const v4 = parseV4(dotted[1]!);
    if (v4 === undefined) return undefined;
    tail.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
    body = text.slice(0, dotted.index + 1);
    if (!body.endsWith('::')) body = body.slice(0, -1);
  }
  const halves = body.split('::');
  if (halves.length > 2) return undefined;
  const groups = halves.map(half => (half === '' ? [] : half.split(':')));
  if (groups.some(half => half.some(group => !/^[0-9A-Fa-f]{1,4}$/.test(group)))) return undefined;
  const [left, right] = groups.map(half => half.map(group => Number.parseInt(group, 16)));
  const known = left!.length + (right?.length ?? 0) + tail.length;
  if (halves.length === 2 ? known > 7 : known !== 8) return undefined;
  const all = [...left!, ...new Array<number>(8 - known).fill(0), ...(right ?? []), ...tail];
  return all.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);
}

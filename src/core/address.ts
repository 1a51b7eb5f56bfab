// IP addresses as the wire has them, and as text. Pure. A v4-mapped IPv6 address (::ffff:a.b.c.d) is the IPv4 address.

/** The text of the 4 or 16 address bytes at `at`: dotted, or RFC 5952. */
export const addressText = (bytes: Uint8Array, at: number, length: 4 | 16): string =>
  length === 4 ? ipv4Text(bytes, at) : isMappedIpv4(bytes, at) ? ipv4Text(bytes, at + 12) : ipv6Text(bytes, at);

export function isMappedIpv4(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return false;
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
}

export const ipv4Text = (bytes: Uint8Array, at: number): string =>
  `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  const group = (i: number): number => (bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!;
  let runStart = -1;
  let runLength = 1;
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && group(end) === 0) end++;
    if (end - i > runLength) {
      runStart = i;
      runLength = end - i;
    }
    i = end + 1;
  }
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === runStart) {
      text += '::';
      i += runLength - 1;
    } else {
      text += text === '' || text.endsWith(':') ? group(i).toString(16) : `:${group(i).toString(16)}`;
    }
  }
  return text;
}

const DECIMAL = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;

/** The 4 or 16 bytes of an address's text; undefined where it isn't one. A zone (`%eth0`) isn't part of the address. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (text.length > 64) return undefined;
  if (!text.includes(':')) return dotted(text);
  const halves = text.replace(/%.*$/s, '').split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = [groups(halves[0]!), groups(halves[1] ?? '')];
  if (head === undefined || tail === undefined) return undefined;
  const known = head.length + tail.length;
  if (halves.length === 1 ? known !== 16 : known > 14) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return isMappedIpv4(bytes, 0) ? bytes.subarray(12) : bytes;
}

function dotted(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every(part => DECIMAL.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

/** The bytes of `1:2:3`, whose end may be dotted. */
function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const bytes: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (GROUP.test(part)) {
      const value = Number.parseInt(part, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const v4 = i === parts.length - 1 ? dotted(part) : undefined;
    if (v4 === undefined) return undefined;
    bytes.push(...v4);
  }
  return bytes;
}

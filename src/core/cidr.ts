// Networks as CIDR has them: `10.0.0.0/8`, `fe80::/10`, or one address. Pure. A v4-mapped network is the IPv4 network.

import { addressBytes, addressText } from './address.ts';

export interface Network {
  /** The 4 or 16 bytes of its first address. */
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** Undefined where the text is none. What stands behind the network's bits is left out: `10.1.2.3/8` is `10.0.0.0/8`. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const bytes = address.includes('%') ? undefined : addressBytes(address);
  if (bytes === undefined || rest.length > 0) return undefined;
  const width = bytes.length * 8;
  if (length === undefined) return { bytes, bits: width };
  if (!/^\d{1,3}$/.test(length)) return undefined;
  const bits = Number(length) - (width === 32 && address.includes(':') ? 96 : 0);
  return bits < 0 || bits > width ? undefined : { bytes: masked(bytes, bits), bits };
}

export function networkText({ bytes, bits }: Network): string {
  return `${addressText(bytes, 0, bytes.length === 4 ? 4 : 16)}/${bits}`;
}

/** Many networks: asking costs as much as there are different lengths, not networks. */
export class NetworkSet {
  /** By width and bits. */
  readonly #lengths = new Map<number, { readonly bits: number; readonly width: number; readonly keys: Set<string> }>();

  constructor(networks: Iterable<Network>) {
    for (const { bytes, bits } of networks) {
      const id = bytes.length * 256 + bits;
      const length = this.#lengths.get(id) ?? { bits, width: bytes.length, keys: new Set() };
      length.keys.add(keyOf(bytes));
      this.#lengths.set(id, length);
    }
  }

  get isEmpty(): boolean {
    return this.#lengths.size === 0;
  }

  has(address: Uint8Array): boolean {
    for (const { bits, width, keys } of this.#lengths.values())
      if (width === address.length && keys.has(keyOf(masked(address, bits)))) return true;
    return false;
  }
}

const keyOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

function masked(bytes: Uint8Array, bits: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i))));
}

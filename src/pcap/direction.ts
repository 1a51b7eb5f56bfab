// Which way a flow goes, seen from this host. Pure: the host's addresses are given.

import { addressBytes } from '../core/address.ts';
import type { Ends } from './ends.ts';

/** ECS's `network.direction`. */
export type Direction = 'ingress' | 'egress' | 'internal';

/** The addresses that are this host's, its containers' included. Loopback always is. */
export class LocalAddresses {
  #keys: ReadonlySet<string>;

  /** Texts that are no addresses are none of the host's. */
  constructor(addresses: Iterable<string>) {
    const keys = new Set<string>();
    for (const text of addresses) {
      const bytes = addressBytes(text);
      if (bytes !== undefined) keys.add(Buffer.from(bytes).latin1Slice());
    }
    this.#keys = keys;
  }

  /** Of address bytes as latin1 strings. */
  static ofKeys(keys: Iterable<string>): LocalAddresses {
    const addresses = new LocalAddresses([]);
    addresses.#keys = new Set(keys);
    return addresses;
  }

  /** An address as text. */
  hasText(text: string): boolean {
    const bytes = addressBytes(text);
    return bytes !== undefined && this.has(Buffer.from(bytes).latin1Slice());
  }

  /** Address bytes as one latin1 string. */
  has(key: string): boolean {
    return this.#keys.has(key) || isLoopback(key);
  }

  /** Absent where neither end is this host's: what it only forwards. `ends` are told by who began. */
  direction(ends: Ends): Direction | undefined {
    const isSource = this.has(ends.sourceKey);
    const destination = ends.destinationKey;
    if (isSource) return this.has(destination) ? 'internal' : 'egress';
    return this.has(destination) || isForAll(destination) ? 'ingress' : undefined;
  }
}

function isLoopback(key: string): boolean {
  return key.length === 4 ? key.charCodeAt(0) === 127 : key === '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01';
}

/** Multicast, or everyone on the network. */
export function isForAll(key: string): boolean {
  const first = key.charCodeAt(0);
  return key.length === 4 ? (first >= 224 && first < 240) || key === '\xff\xff\xff\xff' : first === 0xff;
}

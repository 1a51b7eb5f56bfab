// Ids for rules that the program writes: the same content always has the same. Pure.

import { createHash } from 'node:crypto';

/** The namespace of our names (RFC 9562, 5.5). */
const NAMESPACE = Buffer.from('6b2f54d4a1c94f5f9c0ee0f4d7a3b815', 'hex');

/** A UUID of version 5: from the name alone. */
export function uuidOf(name: string): string {
  const hash = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

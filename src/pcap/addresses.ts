// The host's own addresses, kept current (edge: the host's interfaces).

import { networkInterfaces } from 'node:os';
import { LocalAddresses } from './direction.ts';

const FRESH_MS = 2_000;

export class HostAddresses {
  private readMs = Number.NEGATIVE_INFINITY;
  private addresses = new LocalAddresses([]);

  now(nowMs: number): LocalAddresses {
    if (Math.abs(nowMs - this.readMs) > FRESH_MS) {
      this.readMs = nowMs;
      this.addresses = new LocalAddresses(
        Object.values(networkInterfaces()).flatMap(some => some?.map(({ address }) => address) ?? []),
      );
    }
    return this.addresses;
  }
}

// The same packet seen again behind an address translation: on its way from a container to the network, or into a published port.
// Pure. What matches is told beside the connection, never hidden: who makes packets by hand could make two look alike.

import { AgedMap } from '../core/aged-map.ts';
import { type Decoded, PROTOCOL } from './decoded.ts';
import type { Ends } from './ends.ts';
import type { Flow } from './flow.ts';

const CAPACITY = 4_096;
/** Forwarding takes microseconds; a full queue on the way takes longer. */
const WITHIN_MS = 1_000;
/** A router takes one off the TTL. */
const HOPS = 3;
const HASHED_BYTES = 64;

export class Twins {
  readonly #recent = new AgedMap<Flow, number>();

  remember(packet: Decoded, flow: Flow): void {
    const mark = fingerprint(packet, flow.sequence);
    if (mark === undefined) return;
    this.#recent.set(mark, flow);
    if (this.#recent.size > CAPACITY) this.#recent.delete(this.#recent.oldest()!);
  }

  /** The flow that this packet, the first of its own ends, belongs to. `ends` are told by who began. */
  find(packet: Decoded, ends: Ends, sequence: number, timeMs: number, interfaceIndex: number): Flow | undefined {
    const mark = fingerprint(packet, sequence);
    const flow = mark === undefined ? undefined : this.#recent.get(mark);
    if (flow === undefined || flow.translated !== undefined || flow.ends.protocol !== ends.protocol) return undefined;
    const hops = Math.abs(flow.ttl - packet.ttl);
    const isOther = flow.interfaceIndex === 0 || interfaceIndex === 0 || flow.interfaceIndex !== interfaceIndex;
    const isSame =
      hops > 0 &&
      hops <= HOPS &&
      isOther &&
      flow.ipId === packet.ipId &&
      flow.sequence === sequence &&
      Math.abs(timeMs - flow.openedMs) <= WITHIN_MS &&
      flow.ends.key.length === ends.key.length &&
      flow.ends.sharesEnd(ends);
    return isSame ? flow : undefined;
  }
}

/** TCP's initial sequence number is random; a datagram is known by its content, an empty one by its IP identification. */
function fingerprint(packet: Decoded, sequence: number): number | undefined {
  if (packet.protocol === PROTOCOL.tcp || packet.protocol === PROTOCOL.sctp) return sequence;
  const { bytes, payloadAt } = packet;
  const end = Math.min(packet.payloadEnd, payloadAt + HASHED_BYTES);
  if (payloadAt >= end && packet.ipId <= 0) return undefined;
  let hash = (0x811c9dc5 ^ packet.payloadLength) >>> 0;
  for (let i = payloadAt; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ packet.ipId) >>> 0;
}

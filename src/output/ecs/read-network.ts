// The network part of a line read back. Pure.

import type { NetworkEvent } from '../../core/event.ts';
import { endpointOf, known, oneOf, type Reader, unlessEmpty } from './reader.ts';

const NETWORK_KINDS = ['connect', 'accept', 'bind', 'listen', 'flow_seen'] as const;
const TRANSPORTS = ['tcp', 'udp', 'sctp', 'icmp'] as const;
const FAMILIES = ['ipv4', 'ipv6'] as const;
const DIRECTIONS = ['ingress', 'egress'] as const;
const TELLERS = ['audit', 'packet', 'sock_diag'] as const;
const CANDIDATES_MAX = 64;

export const isNetworkKind = (kind: string): kind is NetworkEvent['kind'] => oneOf(NETWORK_KINDS, kind) !== undefined;

/** Everything that a network event has beside what all have. */
export function networkPartsOf(line: Reader, kind: NetworkEvent['kind']): Partial<NetworkEvent> {
  const candidates = line.numbers('puppy.candidates').slice(0, CANDIDATES_MAX);
  return known<Partial<NetworkEvent>>({
    source: unlessEmpty(endpointOf(line.at('source'))),
    destination: unlessEmpty(endpointOf(line.at('destination'))),
    family: oneOf(FAMILIES, line.text('network.type')),
    transport: oneOf(TRANSPORTS, line.text('network.transport')),
    via: line.text('puppy.network.via'),
    communityId: line.text('network.community_id'),
    translated: translatedOf(line),
    candidates: candidates.length === 0 ? undefined : candidates,
    direction: kind === 'flow_seen' ? oneOf(DIRECTIONS, line.text('network.direction')) : undefined,
    teller: oneOf(TELLERS, line.text('puppy.origin.network')),
  });
}

function translatedOf(line: Reader): NetworkEvent['translated'] {
  const source = unlessEmpty(endpointOf(line.at('puppy.network.translated.source')));
  const destination = unlessEmpty(endpointOf(line.at('puppy.network.translated.destination')));
  return source && destination && { source, destination };
}

// A connection that packets alone tell of, as an observation. Pure.

import type { NetworkObservation } from '../../core/observation.ts';
import type { Flow } from '../flow.ts';
import { flowFacts } from './complete.ts';
import type { Side } from './joiner.ts';

/** `pid`: who holds the socket, as far as the kernel says. `side`: the end that is this host's. */
export function flowObservation(flow: Flow, side: Side, createdMs: number, pid?: number): NetworkObservation {
  const { ends, openedMs, fate } = flow;
  const isKnown = pid !== undefined;
  const isInitiator = side === 'source';
  return {
    kind: !isKnown ? 'flow_seen' : isInitiator ? 'connect' : 'accept',
    module: 'pcap',
    timeMs: openedMs,
    createdMs,
    stamp: `${openedMs} ${ends.source.ip} ${ends.source.port} ${ends.destination.ip} ${ends.destination.port} ${flow.transport}`,
    ordinal: isInitiator ? 0 : 1,
    warnings: [],
    outcome: fate === 'answered' ? 'success' : fate === 'pending' ? 'unknown' : 'failure',
    source: ends.source,
    destination: ends.destination,
    family: ends.family === 4 ? 'ipv4' : 'ipv6',
    ...flowFacts(flow),
    teller: isKnown ? 'sock_diag' : 'packet',
    ...(isKnown ? { owner: pid } : { direction: isInitiator ? 'egress' : 'ingress' }),
  };
}

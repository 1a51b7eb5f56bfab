// A call's event with what the packets of its connection tell. Pure.

import type { Endpoint, NetworkEvent } from '../../core/event.ts';
import type { Flow } from '../flow.ts';

/** Ports of connections that may be a call's, where it's open which is. */
export const CANDIDATES_MAX = 16;

/** Where a connect to no address goes. */
export const targetOf = (ip: string): string => (ip === '0.0.0.0' ? '127.0.0.1' : ip === '::' ? '::1' : ip);

export const endKey = ({ ip, port }: Endpoint): string | undefined =>
  ip === undefined || port === undefined ? undefined : `${targetOf(ip)} ${port}`;

export function completed(event: NetworkEvent, flow: Flow): NetworkEvent {
  const { source, destination } = flow.ends;
  return {
    ...event,
    source: { ...event.source, ...source },
    destination: { ...event.destination, ...destination },
    family: flow.ends.family === 4 ? 'ipv4' : 'ipv6',
    ...flowFacts(flow),
    ...outcomeOf(event, flow),
  };
}

export function flowFacts(flow: Flow): Pick<NetworkEvent, 'transport' | 'communityId' | 'translated'> {
  const { translated } = flow;
  return {
    transport: flow.transport,
    communityId: flow.communityId,
    ...(translated !== undefined && { translated: { source: translated.source, destination: translated.destination } }),
  };
}

/** A connect that doesn't wait can't tell what became of it. */
function outcomeOf({ kind, outcome }: NetworkEvent, { fate }: Flow): Pick<NetworkEvent, 'outcome'> {
  if (kind !== 'connect' || outcome !== 'unknown') return {};
  return fate === 'answered' ? { outcome: 'success' } : fate === 'refused' ? { outcome: 'failure' } : {};
}

/** Connections of these may be the event's: it's open which. */
export function undecided(event: NetworkEvent, flows: readonly Flow[]): NetworkEvent {
  const ports = flows.slice(0, CANDIDATES_MAX).flatMap(({ ends }) => ends.source.port ?? []);
  const transports = new Set(flows.map(({ transport }) => transport));
  return {
    ...event,
    ...(ports.length > 0 && { candidates: ports }),
    ...(transports.size === 1 && { transport: [...transports][0]! }),
  };
}

export const withoutPacket = (event: NetworkEvent): NetworkEvent => ({
  ...event,
  warnings: [...event.warnings, 'no_packet'],
});

// A DNS message that was read from packets, as an observation. Pure.

import type { DnsFacts } from '../../core/event.ts';
import type { DnsObservation } from '../../core/observation.ts';
import type { Flow } from '../flow.ts';
import type { DnsMessage } from './message.ts';
import type { DnsTold } from './reader.ts';

export function dnsObservation(
  { kind, protocol, message, askedMs }: DnsTold,
  flow: Flow,
  timeMs: number,
): DnsObservation {
  const ends = flow.ends;
  const { source, destination } = ends;
  const isAsked = askedMs !== undefined;
  return {
    kind: kind === 'query' ? 'dns_query' : 'dns_answer',
    module: 'pcap',
    timeMs,
    createdMs: timeMs,
    // The message's own: the same packet gives the same id, live and from a file.
    stamp: `${timeMs} ${source.ip} ${source.port} ${destination.ip} ${message.id}`,
    ordinal: kind === 'query' ? 0 : 1,
    warnings: kind === 'answer' && !isAsked && protocol === 'dns' ? ['unasked'] : [],
    source,
    destination,
    family: ends.family === 4 ? 'ipv4' : 'ipv6',
    transport: flow.transport === 'tcp' ? 'tcp' : 'udp',
    dns: factsOf(message, protocol),
    ...(isAsked && { isAsked }),
  };
}

const factsOf = (
  { id, opCode, flags, questions, answers, responseCode }: DnsMessage,
  protocol: DnsFacts['protocol'],
): DnsFacts => ({
  ...{ protocol, id, opCode, flags, questions, answers },
  ...(responseCode !== undefined && { responseCode }),
});

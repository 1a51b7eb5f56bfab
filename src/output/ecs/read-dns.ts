// The DNS message of a line read back: the inverse of dns.ts. Pure.

import { isIP } from 'node:net';
import type { DnsAnswer, DnsEvent, DnsQuestion } from '../../core/event.ts';
import { endpointOf, known, type Reader } from './reader.ts';

const PROTOCOLS = ['dns', 'mdns', 'llmnr'] as const;

const questionOf = (line: Reader): DnsQuestion => ({
  name: line.text('name') ?? '',
  type: line.text('type') ?? '',
  class: line.text('class') ?? '',
});

/** An address stands as such, a name with a dot at its end or without. */
function dataOf(answer: Reader): Pick<DnsAnswer, 'data' | 'addresses' | 'target'> {
  const data = answer.text('data');
  if (data === undefined) return {};
  if (isIP(data) !== 0) return { data, addresses: [data] };
  return answer.text('type') === 'CNAME' ? { data, target: data } : { data };
}

/** What only DNS events have. */
export function dnsPartsOf(line: Reader): Pick<DnsEvent, 'source' | 'destination' | 'family' | 'transport' | 'dns'> {
  const dns = line.at('dns');
  const question = dns.at('question');
  return {
    source: endpointOf(line.at('source')),
    destination: endpointOf(line.at('destination')),
    family: line.text('network.type') === 'ipv6' ? 'ipv6' : 'ipv4',
    transport: line.text('network.transport') === 'tcp' ? 'tcp' : 'udp',
    dns: known<DnsEvent['dns']>({
      protocol: PROTOCOLS.find(one => one === line.text('network.protocol')) ?? 'dns',
      id: dns.number('id') ?? 0,
      opCode: dns.text('op_code') ?? 'QUERY',
      flags: dns.texts('header_flags'),
      questions: question.isObject ? [questionOf(question)] : [],
      answers: dns.list('answers').map(
        (answer): DnsAnswer => ({
          ...questionOf(answer),
          ttl: answer.number('ttl') ?? 0,
          ...dataOf(answer),
        }),
      ),
      responseCode: dns.text('response_code'),
    }),
  };
}

// The fields of connections and of DNS messages. Data. Pure.

import type { DnsEvent, HostEvent, NetworkEvent } from '../core/event.ts';
import { plainIp } from './cidr.ts';
import type { Values } from './values.ts';

type FromNetwork = (event: NetworkEvent, out: Values) => void;

const ip = (text: string | undefined): string | undefined => text && plainIp(text);

const wayOf = ({ kind, direction }: NetworkEvent): 'egress' | 'ingress' =>
  direction ?? (kind === 'connect' ? 'egress' : 'ingress');

export const NETWORK_FIELDS: Readonly<Record<string, FromNetwork>> = {
  Initiated: (event, out) => out.add(wayOf(event) === 'egress' ? 'true' : 'false'),
  'source.ip': ({ source }, out) => out.add(ip(source?.ip)),
  'source.port': ({ source }, out) => out.addNumber(source?.port),
  'source.domain': ({ source }, out) => out.add(source?.domain),
  'destination.ip': ({ destination }, out) => out.add(ip(destination?.ip)),
  'destination.port': ({ destination }, out) => out.addNumber(destination?.port),
  'destination.domain': ({ destination }, out) => out.add(destination?.domain),
  DestinationIsIpv6: ({ family }, out) => out.add(family && String(family === 'ipv6')),
  SourceIsIpv6: ({ family }, out) => out.add(family && String(family === 'ipv6')),
  'network.transport': ({ transport }, out) => out.add(transport),
  'network.type': ({ family }, out) => out.add(family),
  'network.direction': (event, out) => out.add(wayOf(event)),
  'network.community_id': ({ communityId }, out) => out.add(communityId),
};

type FromDns = (event: DnsEvent, out: Values) => void;

/** Told by answers alone: a rule that reads one is asked about answers, any other about queries. */
export const ANSWER_FIELDS: Readonly<Record<string, FromDns>> = {
  'dns.answers.name': ({ dns }, out) => out.addAll(dns.answers.map(({ name }) => name)),
  'dns.answers.type': ({ dns }, out) => out.addAll(dns.answers.map(({ type }) => type)),
  'dns.answers.data': ({ dns }, out) => out.addAll(dns.answers.flatMap(({ data }) => data ?? [])),
  'dns.answers.ttl': ({ dns }, out) => out.addAll(dns.answers.map(({ ttl }) => String(ttl))),
  'dns.resolved_ip': ({ dns }, out) => out.addAll(dns.answers.flatMap(({ addresses = [] }) => addresses)),
  'dns.response_code': ({ dns }, out) => out.add(dns.responseCode),
};

export const DNS_FIELDS: Readonly<Record<string, FromDns>> = {
  ...ANSWER_FIELDS,
  'dns.id': ({ dns }, out) => out.addNumber(dns.id),
  'dns.op_code': ({ dns }, out) => out.add(dns.opCode),
  'dns.header_flags': ({ dns }, out) => out.addAll(dns.flags),
  'dns.question.name': ({ dns }, out) => out.addAll(dns.questions.map(({ name }) => name)),
  'dns.question.type': ({ dns }, out) => out.addAll(dns.questions.map(({ type }) => type)),
  'dns.question.class': ({ dns }, out) => out.addAll(dns.questions.map(({ class: value }) => value)),
  'network.protocol': ({ dns }, out) => out.add(dns.protocol),
  'network.transport': ({ transport }, out) => out.add(transport),
  'network.type': ({ family }, out) => out.add(family),
  'source.ip': ({ source }, out) => out.add(ip(source.ip)),
  'source.port': ({ source }, out) => out.addNumber(source.port),
  'destination.ip': ({ destination }, out) => out.add(ip(destination.ip)),
  'destination.port': ({ destination }, out) => out.addNumber(destination.port),
};

export const isDnsEvent = (event: HostEvent): event is DnsEvent =>
  event.kind === 'dns_query' || event.kind === 'dns_answer';

/** What a `network_connection` rule is asked about. */
export const isConnection = (event: HostEvent): event is NetworkEvent =>
  event.kind === 'connect' || event.kind === 'accept' || event.kind === 'flow_seen';

export const NEVER_NETWORK: Readonly<Record<string, string>> = {
  'source.domain': 'nobody looks up who connects',
  DestinationPortName: 'use DestinationPort',
  SourcePortName: 'use SourcePort',
};

// A DNS message as ECS has it. Pure.

import type { DnsEvent, DnsFacts } from '../../core/event.ts';
import { type Caps, capped, put, unlessEmpty, type Warnings } from './caps.ts';
import type { JsonObject } from './json.ts';

/** The longest name has 253 characters, of which each may take four. */
const NAME_BYTES = 1_100;
const DATA_BYTES = 1_024;

export const questionName = ({ questions: [first] }: DnsFacts, warnings: Warnings): string | undefined =>
  capped(first?.name, NAME_BYTES, warnings);

/** The addresses that the answers give. */
export const resolved = ({ answers }: DnsFacts): string[] => [
  ...new Set(answers.flatMap(({ addresses = [] }) => addresses)),
];

export function dnsObject({ kind, dns }: DnsEvent, caps: Caps, warnings: Warnings): JsonObject {
  const object: JsonObject = { type: kind === 'dns_query' ? 'query' : 'answer', id: String(dns.id) };
  put(object, 'op_code', dns.opCode);
  if (dns.flags.length > 0) object.header_flags = [...dns.flags];
  const [first] = dns.questions;
  const question: JsonObject = {};
  put(question, 'name', questionName(dns, warnings));
  put(question, 'type', first?.type);
  put(question, 'class', first?.class);
  put(object, 'question', unlessEmpty(question));
  const answers = dns.answers.slice(0, caps.items).map(answer => {
    const one: JsonObject = { type: answer.type, class: answer.class, ttl: answer.ttl };
    put(one, 'name', capped(answer.name, NAME_BYTES, warnings));
    put(one, 'data', capped(answer.data, Math.min(DATA_BYTES, caps.valueBytes), warnings));
    return one;
  });
  if (answers.length < dns.answers.length) warnings.add('list_truncated');
  if (answers.length > 0) object.answers = answers;
  const addresses = resolved(dns).slice(0, caps.items);
  if (addresses.length > 0) object.resolved_ip = addresses;
  put(object, 'response_code', dns.responseCode);
  return object;
}

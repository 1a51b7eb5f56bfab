// What the tests of the rules share: a rule from text, the corpora beside the project, events with only what a test names.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type {
  DnsEvent,
  DnsFacts,
  ExecEvent,
  FileEvent,
  FileFacts,
  NetworkEvent,
  ProcessImage,
  RecordView,
} from '../../src/core/event.ts';
import type { Rule } from '../../src/rules/ast.ts';
import { parseRules } from '../../src/rules/parse.ts';

const SHARED = process.env.PUPPY_SHARED_DATA ?? resolve(import.meta.dir, '../../../shared/data');
export const SIGMA = join(SHARED, 'sigma');
export const RULES = join(SIGMA, 'rules');
export const hasSigma = existsSync(SIGMA);

export interface RuleParts {
  readonly title?: string;
  readonly id?: string;
  readonly logsource?: object;
  readonly detection: unknown;
  readonly extra?: object;
}

/** JSON is YAML. */
export function ruleText({ title = 'a rule', id = 'r1', logsource, detection, extra }: RuleParts): string {
  const source = logsource ?? { category: 'process_creation', product: 'linux' };
  return JSON.stringify({ title, id, level: 'high', logsource: source, detection, ...extra });
}

export function rule(parts: RuleParts): Rule {
  const { rules, problems } = parseRules('test.yml', ruleText(parts));
  if (rules.length !== 1) throw new Error(problems.map(problem => problem.message).join('; '));
  return rules[0]!.rule;
}

const base = { module: 'audit', timeMs: 0, createdMs: 0, stamp: '1.000:1', ordinal: 0, warnings: [] } as const;

const image = (parts: Partial<ProcessImage>): ProcessImage => ({
  pid: 100,
  entitySeed: '100:1.000:1',
  origin: 'audit',
  ...parts,
});

export function exec(
  parts: Partial<ProcessImage>,
  parent?: Partial<ProcessImage>,
  records?: readonly RecordView[],
): ExecEvent {
  const ancestors = parent === undefined ? [] : [image({ pid: 99, ...parent })];
  const event: ExecEvent = { ...base, kind: 'exec', process: { image: image(parts), ancestors } };
  return records === undefined ? event : { ...event, records };
}

export function connect(parts: Partial<NetworkEvent>, process?: Partial<ProcessImage>): NetworkEvent {
  const event: NetworkEvent = { ...base, kind: 'connect', ...parts };
  return process === undefined ? event : { ...event, process: { image: image(process), ancestors: [] } };
}

/** A query, or its answer where there is a response code. */
export function lookup(dns: Partial<DnsFacts>): DnsEvent {
  return {
    ...base,
    kind: dns.responseCode === undefined ? 'dns_query' : 'dns_answer',
    module: 'pcap',
    source: { ip: '192.0.2.1', port: 40000 },
    destination: { ip: '192.0.2.53', port: 53 },
    family: 'ipv4',
    transport: 'udp',
    dns: { protocol: 'dns', id: 1, opCode: 'QUERY', flags: [], questions: [], answers: [], ...dns },
  };
}

export function created(file: FileFacts, process?: Partial<ProcessImage>): FileEvent {
  const event: FileEvent = { ...base, kind: 'created', module: 'fsnotify', file, teller: 'fanotify' };
  return process === undefined ? event : { ...event, process: { image: image(process), ancestors: [] } };
}

export function record(type: string, fields: Readonly<Record<string, string>>): RecordView {
  return { type, get: name => fields[name], entries: () => Object.entries(fields) };
}

// An event, with the rule that matched it if one did, as one ECS object and as one line of JSON. Pure.

import { isIP } from 'node:net';
import type {
  AnyEvent,
  AuditRecordEvent,
  Container,
  DnsEvent,
  Endpoint,
  FileEvent,
  LogFacts,
  NetworkEvent,
  Process,
} from '../../core/event.ts';
import type { Match } from '../../core/match.ts';
import { matchList, recordList, ruleFields } from './alert.ts';
import { boundedJson, type Caps, CUT, capped, NORMAL, put, TIGHT, unlessEmpty, Warnings } from './caps.ts';
import { containerObject, orchestratorObject } from './container.ts';
import { alertId, ECS_VERSION, type EcsContext, eventId, isoTime } from './context.ts';
import { dnsObject, questionName, resolved } from './dns.ts';
import { fileExtras, fileObject, hashesOf } from './file.ts';
import { type Json, type JsonObject, toJson } from './json.ts';
import { KINDS, SEVERITY } from './kinds.ts';
import { logObject } from './log.ts';
import { alertMessage } from './message.ts';
import { overTime } from './over-time.ts';
import {
  accounts,
  ancestorList,
  fillArgv,
  loginObject,
  processExtras,
  processObject,
  roughArgvUnits,
} from './process.ts';

/** A line in the making. */
interface Draft {
  readonly root: JsonObject;
  readonly puppy: JsonObject;
  readonly context: EcsContext;
  readonly caps: Caps;
  readonly warnings: Warnings;
  /** For related.*: each value once, in order. */
  readonly users: string[];
  readonly addresses: string[];
  readonly hosts: string[];
  readonly hashes: string[];
}

function relate(list: string[], value: string | undefined): void {
  if (value !== undefined && !list.includes(value)) list.push(value);
}

function processOf(event: AnyEvent): Process | undefined {
  return 'process' in event ? event.process : undefined;
}

function addProcess(draft: Draft, process: Process): void {
  const { context, caps, warnings, root, puppy } = draft;
  const { image } = process;
  root.process = processObject(process, context, caps, warnings);
  if (image.credentials !== undefined) {
    const ids = accounts(image.credentials, context);
    const user = ids.real_user as JsonObject | undefined;
    put(root, 'user', user);
    relate(draft.users, user?.name as string | undefined);
    relate(draft.users, (ids.user as JsonObject | undefined)?.name as string | undefined);
  }
  const login = loginObject(image, warnings);
  put(puppy, 'login', login);
  relate(draft.users, login?.name as string | undefined);
  put(puppy, 'process', processExtras(image, caps, warnings));
  if (image.container !== undefined) addContainer(draft, image.container);
  if (image.drift === true) puppy.container = { drift: true };
  if (caps.whole) put(puppy, 'ancestors', ancestorList(process, context, caps, warnings));
  const origin: JsonObject = { process: image.origin };
  const parent = process.ancestors[0];
  if (parent !== undefined) origin.parent = parent.origin;
  puppy.origin = origin;
}

function addContainer({ root, caps, warnings }: Draft, container: Container): void {
  root.container = containerObject(container, caps, warnings);
  put(root, 'orchestrator', orchestratorObject(container, warnings));
}

function endpoint(draft: Draft, end: Endpoint): JsonObject | undefined {
  const object: JsonObject = {};
  const ip = end.ip !== undefined && isIP(end.ip) !== 0 ? end.ip : undefined;
  put(object, 'ip', ip);
  relate(draft.addresses, ip);
  if (end.port !== undefined) object.port = end.port;
  const domain = capped(end.domain, 512, draft.warnings);
  put(object, 'domain', domain);
  relate(draft.hosts, domain);
  const address = ip ?? domain;
  put(object, 'address', address);
  return unlessEmpty(object);
}

const DIRECTION: Partial<Record<NetworkEvent['kind'], string>> = { connect: 'egress', accept: 'ingress' };

function addNetwork(draft: Draft, event: NetworkEvent): void {
  if (event.source !== undefined) put(draft.root, 'source', endpoint(draft, event.source));
  if (event.destination !== undefined) put(draft.root, 'destination', endpoint(draft, event.destination));
  const network: JsonObject = {};
  put(network, 'type', event.family);
  put(network, 'transport', event.transport);
  put(network, 'direction', event.direction ?? DIRECTION[event.kind]);
  put(network, 'community_id', event.communityId);
  put(draft.root, 'network', unlessEmpty(network));
  const { translated, candidates, teller } = event;
  const extras: JsonObject = {};
  put(extras, 'via', event.via);
  if (translated !== undefined) {
    const ends: JsonObject = {};
    put(ends, 'source', endpoint(draft, translated.source));
    put(ends, 'destination', endpoint(draft, translated.destination));
    put(extras, 'translated', unlessEmpty(ends));
  }
  put(draft.puppy, 'network', unlessEmpty(extras));
  if (candidates !== undefined) draft.puppy.candidates = [...candidates];
  if (teller !== undefined) {
    draft.puppy.origin = { ...(draft.puppy.origin as JsonObject | undefined), network: teller };
  }
}

function addDns(draft: Draft, event: DnsEvent): void {
  const { root, caps, warnings } = draft;
  put(root, 'source', endpoint(draft, event.source));
  put(root, 'destination', endpoint(draft, event.destination));
  root.network = { protocol: event.dns.protocol, transport: event.transport, type: event.family };
  root.dns = dnsObject(event, caps, warnings);
  for (const address of resolved(event.dns)) relate(draft.addresses, address);
  relate(draft.hosts, questionName(event.dns, warnings));
}

function addFile(draft: Draft, event: FileEvent): void {
  const { root, puppy, caps, warnings } = draft;
  root.file = fileObject(event.file, caps, warnings);
  put(puppy, 'file', fileExtras(event, caps, warnings));
  puppy.origin = { ...(puppy.origin as JsonObject | undefined), file: event.teller };
  if (root.container === undefined && event.container !== undefined) addContainer(draft, event.container);
  for (const hash of hashesOf(event.file)) relate(draft.hashes, hash);
}

function addAccount(draft: Draft, event: AuditRecordEvent): void {
  const { root, puppy, warnings } = draft;
  if (event.target !== undefined) {
    const target: JsonObject = {};
    if (event.target.id !== undefined) target.id = String(event.target.id);
    const name = capped(event.target.name, 512, warnings);
    put(target, 'name', name);
    relate(draft.users, name);
    if (unlessEmpty(target) !== undefined) root.user = { ...(root.user as JsonObject | undefined), target };
  }
  const address = capped(event.address, 512, warnings);
  if (address !== undefined) {
    const end: Endpoint = isIP(address) === 0 ? { domain: address } : { ip: address };
    const port = event.log?.port;
    put(root, 'source', endpoint(draft, port === undefined ? end : { ...end, port }));
  }
  const terminal = capped(event.terminal, 512, warnings);
  if (terminal !== undefined || address !== undefined) {
    const login: JsonObject = { ...(puppy.login as JsonObject | undefined) };
    if (login.terminal === undefined) put(login, 'terminal', terminal);
    if (login.address === undefined) put(login, 'address', address);
    puppy.login = login;
  }
  const name = capped(event.service, 512, warnings);
  if (name !== undefined) root.service = { name };
}

function addLog(draft: Draft, log: LogFacts): void {
  const { root, caps, warnings } = draft;
  const text = capped(log.message, caps.textBytes, warnings);
  // An alert's message is its own: the line's text is the original.
  if (root.message === undefined) put(root, 'message', text);
  put(root.event as JsonObject, 'original', capped(log.original, caps.textBytes, warnings) ?? text);
  root.log = { ...(root.log as JsonObject | undefined), ...logObject(log, caps, warnings) };
  if (unlessEmpty(root.log) === undefined) delete root.log;
  const name = capped(log.user, 512, warnings);
  if (name === undefined) return;
  relate(draft.users, name);
  const user = root.user as JsonObject | undefined;
  if (user?.name === undefined) root.user = { ...user, name };
}

/** Adds what only events of this kind have. */
function addKind(draft: Draft, event: AnyEvent): void {
  const { root, puppy, caps, warnings } = draft;
  switch (event.kind) {
    case 'exec':
      return;
    case 'container_started':
    case 'container_stopped':
      addContainer(draft, event.container);
      return;
    case 'exec_failed': {
      const target = capped(event.target, caps.textBytes, warnings);
      if (target !== undefined) puppy.process = { ...(puppy.process as JsonObject | undefined), target };
      return;
    }
    case 'exit':
      if (event.exitCode !== undefined) (root.process as JsonObject).exit_code = event.exitCode;
      return;
    case 'connect':
    case 'accept':
    case 'bind':
    case 'listen':
    case 'flow_seen':
      addNetwork(draft, event);
      return;
    case 'dns_query':
    case 'dns_answer':
      addDns(draft, event);
      return;
    case 'created':
    case 'modified':
    case 'renamed':
    case 'linked':
    case 'attributes_modified':
    case 'deleted':
    case 'accessed':
      addFile(draft, event);
      return;
    case 'agent_started':
    case 'agent_stopped':
    case 'rules_loaded':
    case 'rule_rejected':
    case 'source_down':
    case 'source_up':
      put(root, 'message', capped(event.message, Math.min(caps.textBytes, 4_096), warnings));
      if (event.details !== undefined) {
        put(puppy, event.kind, boundedJson(event.details, caps.blobBytes, warnings, 'details_truncated'));
      }
      return;
    case 'loss': {
      put(root, 'message', capped(event.message, Math.min(caps.textBytes, 4_096), warnings));
      const { upperBound, fromMs, toMs, heaviest, ...rest } = event.loss;
      puppy.loss = { ...rest, upper_bound: upperBound };
      put(puppy.loss, 'from', isoTime(fromMs));
      put(puppy.loss, 'to', isoTime(toMs));
      if (heaviest !== undefined) {
        const who: JsonObject = { bytes: heaviest.bytes };
        if (heaviest.uid !== undefined) who.uid = String(heaviest.uid);
        put(who, 'executable', capped(heaviest.executable, caps.textBytes, warnings));
        puppy.loss.heaviest = who;
      }
      return;
    }
    case 'heartbeat':
      put(puppy, 'heartbeat', boundedJson(event.counters, caps.blobBytes * 2, warnings, 'details_truncated'));
      return;
    default:
      addAccount(draft, event);
      if (event.log !== undefined) addLog(draft, event.log);
  }
}

function addMatch(draft: Draft, event: AnyEvent, match: Match): void {
  const { root, puppy, caps, warnings, context } = draft;
  Object.assign(root, ruleFields(match.rule, context, caps));
  puppy.event = { id: eventId(event, context) };
  puppy.match = matchList(match, caps, warnings);
  Object.assign(puppy, overTime(match, context, caps, warnings));
  const loss = context.options.overlappingLoss?.(event.timeMs);
  puppy.confidence = loss === undefined ? 'complete' : 'gap';
  if (loss !== undefined) {
    const gap: JsonObject = { source: loss.source, reason: loss.reason, count: loss.count, unit: loss.unit };
    put(gap, 'from', isoTime(loss.fromMs));
    put(gap, 'to', isoTime(loss.toMs));
    puppy.gap = gap;
  }
}

function eventFields(event: AnyEvent, match: Match | undefined, context: EcsContext, warnings: Warnings): JsonObject {
  const row = KINDS[event.kind];
  const id = eventId(event, context);
  const fields: JsonObject = {
    id: match === undefined ? id : alertId(id, match),
    kind: match === undefined ? row.kind : 'alert',
    action: event.kind,
    module: event.module,
    dataset: match === undefined ? `puppy_hids.${row.dataset}` : 'puppy_hids.alerts',
  };
  if (row.category.length > 0) {
    fields.category = row.category;
    fields.type = row.type;
  }
  put(fields, 'outcome', event.outcome);
  put(fields, 'created', isoTime(event.createdMs));
  if (event.sequence !== undefined) fields.sequence = event.sequence;
  if (match !== undefined) {
    fields.severity = SEVERITY[match.rule.level];
    fields.risk_score = SEVERITY[match.rule.level];
  }
  if (isoTime(event.timeMs) === undefined) warnings.add('timestamp_out_of_range');
  return fields;
}

/** The whole object but for what `caps.whole` leaves out. */
function draftOf(event: AnyEvent, match: Match | undefined, context: EcsContext, caps: Caps): Draft {
  const warnings = new Warnings(event.warnings, caps.items);
  const root: JsonObject = {
    '@timestamp': isoTime(event.timeMs) ?? isoTime(event.createdMs) ?? '1970-01-01T00:00:00.000Z',
  };
  const puppy: JsonObject = { schema: 1 };
  const hostName = context.host.name as string;
  const draft: Draft = {
    root,
    puppy,
    context,
    caps,
    warnings,
    users: [],
    addresses: [],
    hosts: [hostName],
    hashes: [],
  };
  if (match !== undefined) root.message = alertMessage(match, event);
  root.event = eventFields(event, match, context, warnings);
  if (match !== undefined) addMatch(draft, event, match);
  const process = processOf(event);
  if (process !== undefined) addProcess(draft, process);
  addKind(draft, event);
  const code = capped(event.errorCode, 128, warnings);
  if (code !== undefined) root.error = { code };
  if (event.records !== undefined && (context.options.records === true || match?.records !== undefined)) {
    const indexes = context.options.records === true ? undefined : match?.records;
    const records = recordList(event.records, indexes, caps, warnings);
    if (records !== undefined) puppy.audit = { records };
  }
  const related: JsonObject = { hosts: draft.hosts };
  if (draft.users.length > 0) related.user = draft.users;
  if (draft.addresses.length > 0) related.ip = draft.addresses;
  if (draft.hashes.length > 0) related.hash = draft.hashes;
  root.related = related;
  root.host = context.host;
  root.agent = context.agent;
  root.ecs = { version: ECS_VERSION };
  put(root, 'labels', context.labels);
  if (warnings.list.length > 0) puppy.warnings = warnings.list;
  root.puppy = puppy;
  return draft;
}

/** The event (and alert) as one ECS object, nothing cut for length. */
export function toEcs(event: AnyEvent, match: Match | undefined, context: EcsContext): JsonObject {
  return draftOf(event, match, context, NORMAL).root;
}

/** Builds without arguments, then adds as much of them as there is room for. Undefined if the rest alone is too long. */
function cutLine(
  event: AnyEvent,
  match: Match | undefined,
  context: EcsContext,
  caps: Caps,
  max: number,
): string | undefined {
  const draft = draftOf(event, match, context, caps);
  const process = processOf(event);
  const bare = toJson(draft.root);
  const room = max - Buffer.byteLength(bare);
  if (room < 0) return undefined;
  if (process === undefined) return bare;
  const target = { process: draft.root.process as JsonObject, puppy: draft.puppy };
  // What warnings this adds isn't in the measured text: 64 bytes are kept for them.
  if (fillArgv(process, target, context, caps, draft.warnings, room - 64)) draft.warnings.add('argv_truncated');
  if (draft.warnings.list.length > 0) draft.puppy.warnings = draft.warnings.list;
  return toJson(draft.root);
}

/** What is always printable: the fixed fields, and that the rest was left out. */
function bareLine(event: AnyEvent, match: Match | undefined, context: EcsContext): string {
  const warnings = new Warnings(['line_truncated'], 1);
  const puppy: JsonObject = { schema: 1, warnings: warnings.list };
  const root: JsonObject = {
    '@timestamp': isoTime(event.timeMs) ?? isoTime(event.createdMs) ?? '1970-01-01T00:00:00.000Z',
    event: eventFields(event, match, context, warnings),
    host: context.host,
    agent: context.agent,
    ecs: { version: ECS_VERSION },
    puppy,
  };
  if (match !== undefined) {
    const { rule, log } = ruleFields(match.rule, context, TIGHT);
    root.rule = rule as Json;
    root.log = log as Json;
    root.message = capped(alertMessage(match, event), 1_024, warnings) ?? match.rule.id;
    puppy.event = { id: eventId(event, context) };
  }
  return toJson(root);
}

/**
 * One line of JSON, without its newline, of at most `maxBytes` bytes of UTF-8. What is too long is cut before it is turned into
 * text, so that a huge argument list costs no more than the line that it becomes.
 */
export function toLine(
  event: AnyEvent,
  match: Match | undefined,
  context: EcsContext,
  maxBytes: number = context.maxLineBytes,
): string {
  const process = processOf(event);
  if (process === undefined || roughArgvUnits(process, maxBytes) <= maxBytes) {
    const line = toJson(draftOf(event, match, context, NORMAL).root);
    if (line.length * 3 <= maxBytes || Buffer.byteLength(line) <= maxBytes) return line;
  }
  return (
    cutLine(event, match, context, CUT, maxBytes) ??
    cutLine(event, match, context, TIGHT, maxBytes) ??
    bareLine(event, match, context)
  );
}

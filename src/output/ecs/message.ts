// One line about an event that a person can read: who, what, from where. Pure; nothing in it can break a line or a terminal.

import type {
  AnyEvent,
  AuditRecordEvent,
  ContainerEvent,
  DnsEvent,
  FileEvent,
  Kind,
  NetworkEvent,
  Process,
  ProcessImage,
} from '../../core/event.ts';
import type { Match } from '../../core/match.ts';
import { cutUnits, visible } from './json.ts';
import { correlationWords } from './over-time.ts';

type EventOf<K extends Kind> = AnyEvent extends infer E
  ? E extends { kind: infer EK }
    ? K extends EK
      ? E
      : never
    : never
  : never;

const COMMAND_UNITS = 300;
const NAME_UNITS = 120;

function short(text: string, units = NAME_UNITS): string {
  const cut = cutUnits(text, units);
  return visible(cut.length < text.length ? `${cut}...` : cut);
}

function programName(image: ProcessImage): string {
  const path = image.executable ?? image.comm;
  return path === undefined ? `pid ${image.pid}` : short(path.slice(path.lastIndexOf('/') + 1) || path);
}

function who(process: Process): string {
  const { credentials, login } = process.image;
  const user = credentials?.euid ?? credentials?.uid;
  const name = user === undefined ? undefined : short(user.name ?? `uid ${user.id}`);
  const auid = login?.auid;
  if (auid === undefined || auid.id === user?.id) return name ?? 'somebody';
  const origin = short(auid.name ?? `uid ${auid.id}`);
  return name === undefined ? origin : `${name} (login ${origin})`;
}

function under(process: Process): string {
  const parent = process.ancestors[0];
  if (parent !== undefined) return ` from ${programName(parent)} (pid ${parent.pid})`;
  return process.parentPid === undefined ? '' : ` from pid ${process.parentPid}`;
}

function actor(process: Process | undefined): string {
  if (process === undefined) return 'an unknown process';
  return `${programName(process.image)} (pid ${process.image.pid}, ${who(process)}${under(process)})`;
}

function command(image: ProcessImage): string {
  const text = image.commandLine ?? image.executable;
  return text === undefined ? 'a program' : `"${short(text, COMMAND_UNITS)}"`;
}

function address(end: { readonly ip?: string; readonly port?: number; readonly domain?: string } | undefined): string {
  if (end === undefined) return 'an unknown address';
  const ip = end.ip === undefined ? undefined : end.ip.includes(':') ? `[${short(end.ip)}]` : short(end.ip);
  const host = ip ?? (end.domain === undefined ? '' : short(end.domain));
  const named = end.domain !== undefined && ip !== undefined ? `${short(end.domain)} ` : '';
  return `${named}${host}${end.port === undefined ? '' : `:${end.port}`}` || 'an unknown address';
}

function network(done: string, failed: string, end: 'source' | 'destination'): (event: NetworkEvent) => string {
  return event => {
    const why = event.errorCode === undefined ? '' : ` (${short(event.errorCode)})`;
    const verb = event.outcome === 'failure' ? failed : done;
    return `${actor(event.process)} ${verb} ${address(event[end])}${why}`;
  };
}

/** A log's line as it would stand in a file, without its time. */
function logLine({ log }: AuditRecordEvent): string {
  if (log === undefined) return 'log line';
  const { program, pid, message } = log;
  return short(`${program === undefined ? '' : `${program}${pid === undefined ? '' : `[${pid}]`}: `}${message}`, 500);
}

function account(what: string): (event: AuditRecordEvent) => string {
  return event => {
    if (event.log !== undefined) return logLine(event);
    const target = event.target?.name ?? (event.target?.id === undefined ? undefined : `uid ${event.target.id}`);
    const from = event.address === undefined ? '' : ` from ${short(event.address)}`;
    return `${what}${target === undefined ? '' : ` ${short(target)}`}${from}${event.process === undefined ? '' : `, by ${actor(event.process)}`}`;
  };
}

function service(what: string): (event: AuditRecordEvent) => string {
  return event => `${what}${event.service === undefined ? '' : ` ${short(event.service)}`}`;
}

function doing(what: string): (event: AuditRecordEvent) => string {
  return event => `${actor(event.process)} ${what}`;
}

function container(what: string): (event: ContainerEvent) => string {
  return ({ container: { id, name, image } }) =>
    `container ${short(name ?? id.slice(0, 12))}${image === undefined ? '' : ` of ${short(image.name)}`} ${what}`;
}

function file(what: string): (event: FileEvent) => string {
  return ({
    kind,
    process,
    file: { path, previousPath, movedTo, package: owner },
    container,
    outcome,
    errorCode,
    warnings,
  }) => {
    const verb = outcome === 'failure' ? `could not have ${what}` : what;
    const why = errorCode === undefined ? '' : ` (${short(errorCode)})`;
    const from = previousPath === undefined || kind !== 'renamed' ? '' : ` from ${short(previousPath, 200)}`;
    const to = movedTo === undefined ? '' : `, moved to ${short(movedTo, 200)}`;
    const inside = process?.image.container ?? container;
    const where = inside === undefined ? '' : ` in container ${short(inside.name ?? inside.id.slice(0, 12))}`;
    const by = process === undefined ? 'somebody' : actor(process);
    const late = warnings.includes('while_down') ? ' while the agent was down' : '';
    const pack = owner?.name === undefined ? '' : `, of package ${short(owner.name)}`;
    return `${by} ${verb} ${short(path, COMMAND_UNITS)}${why}${from}${to}${where}${late}${pack}`;
  };
}

function dns(verb: string): (event: DnsEvent) => string {
  return ({ process, source, destination, dns: { questions, answers, responseCode } }) => {
    const [question] = questions;
    const what = question === undefined ? 'nothing' : `${question.type} of ${short(question.name, 255)}`;
    const said = answers.flatMap(({ data }) => data ?? []).slice(0, 3);
    const result =
      responseCode === undefined ? '' : `: ${said.length > 0 ? short(said.join(', ')) : short(responseCode)}`;
    const asker = process === undefined ? address(source) : actor(process);
    return `${asker} ${verb} ${address(destination)} ${responseCode === undefined ? 'for' : 'about'} ${what}${result}`;
  };
}

function own(event: { readonly message: string }): string {
  return short(event.message, 1_000);
}

const DESCRIBE: { readonly [K in Kind]: (event: EventOf<K>) => string } = {
  exec: ({ process }) => {
    const { image } = process;
    const path = image.executable === undefined ? '' : `${short(image.executable)}, `;
    return `${who(process)} ran ${command(image)} (${path}pid ${image.pid})${under(process)}`;
  },
  exec_failed: event =>
    `${actor(event.process)} could not run ${event.target === undefined ? 'a program' : `"${short(event.target)}"`}` +
    (event.errorCode === undefined ? '' : ` (${short(event.errorCode)})`),
  exit: event => `${actor(event.process)} ended${event.exitCode === undefined ? '' : ` with code ${event.exitCode}`}`,
  connect: network('connected to', 'could not connect to', 'destination'),
  accept: network('accepted a connection from', 'could not accept a connection from', 'source'),
  bind: network('bound', 'could not bind', 'destination'),
  listen: network('listens on', 'could not listen on', 'destination'),
  flow_seen: ({ source, destination, outcome }) =>
    `somebody ${outcome === 'failure' ? 'tried to connect' : 'connected'} from ${address(source)} to ${address(destination)}`,
  dns_query: dns('asked'),
  dns_answer: dns('was told'),
  created: file('created'),
  modified: file('modified'),
  renamed: file('renamed to'),
  linked: file('linked'),
  attributes_modified: file('changed the attributes of'),
  deleted: file('deleted'),
  accessed: file('read'),
  root_changed: doing('changed its root directory'),
  namespace_entered: doing('entered another namespace'),
  audit_config_changed: doing('changed the audit configuration'),
  logged_in: account('login of'),
  login_failed: account('failed login of'),
  session_opened: account('session opened for'),
  session_closed: account('session closed for'),
  sudo_command: event => (event.log === undefined ? `${actor(event.process)} used sudo` : logLine(event)),
  user_added: account('user added:'),
  user_deleted: account('user deleted:'),
  group_changed: account('group changed:'),
  password_changed: account('password changed of'),
  service_started: service('service started:'),
  service_stopped: service('service stopped:'),
  container_started: container('started'),
  container_stopped: container('stopped'),
  host_booted: service('host booted'),
  host_stopping: service('host is stopping'),
  anomaly: doing('behaved abnormally'),
  audit_event: event => (event.process === undefined ? 'audit record' : `audit record of ${actor(event.process)}`),
  log_line: logLine,
  agent_started: own,
  agent_stopped: own,
  rules_loaded: own,
  rule_rejected: own,
  source_down: own,
  source_up: own,
  loss: own,
  heartbeat: () => 'alive',
};

/** What happened, in at most a thousand characters or so. */
function describe(event: AnyEvent): string {
  return (DESCRIBE[event.kind] as (event: AnyEvent) => string)(event);
}

export function alertMessage({ rule, correlation, suppressed, newTerms }: Match, event: AnyEvent): string {
  const before = correlation === undefined ? '' : correlationWords(correlation);
  const isNew = newTerms === undefined ? '' : '; not seen before on this host';
  const held = suppressed === undefined ? '' : `; ${suppressed} more like it before`;
  return `${short(rule.title, 256)}: ${before}${describe(event)}${isNew}${held}`;
}

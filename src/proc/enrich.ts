// From what a source saw to what happened: each observation gets its process, with everything the table knows of it.

import type {
  AuditRecordEvent,
  DnsEvent,
  Endpoint,
  ExecEvent,
  ExecFailedEvent,
  ExitEvent,
  FileEvent,
  FileFacts,
  FileState,
  HostEvent,
  LogFacts,
  NetworkEvent,
  Process,
} from '../core/event.ts';
import type { Mutable } from '../core/mutable.ts';
import type {
  AuditRecordObservation,
  DnsObservation,
  FileObservation,
  HostObservation,
  NetworkObservation,
  ObservationBase,
  TaskFacts,
} from '../core/observation.ts';
import type { NameMemory } from '../pcap/dns/names.ts';
import { managerOf } from './package-managers.ts';
import { namespaceEffect } from './roots.ts';
import type { ProcessTable } from './table.ts';

/** Of names: whose resolver answered. */
const HOST = '';

type EventBase = Omit<ExecEvent, 'kind' | 'process'>;

/** The event of an observation; the table learns from it. Observations must come in the order of their events. */
export function enrich(o: HostObservation, table: ProcessTable, names?: NameMemory): HostEvent {
  switch (o.kind) {
    case 'exec': {
      const process = table.exec(o);
      // Set, not merged: this is the path of most events, and merging objects costs more than making them.
      const event = base(o, table) as Mutable<ExecEvent>;
      event.kind = 'exec';
      event.process = process;
      return event;
    }
    case 'exec_failed': {
      const process = actor(o, o.task, table);
      const { target } = o;
      return extend<ExecFailedEvent>(base(o, table), {
        kind: 'exec_failed',
        process,
        ...(target !== undefined && { target }),
      });
    }
    case 'exit': {
      const process = table.exit(o.task, o.timeMs, o.stamp);
      const { exitCode } = o;
      return extend<ExitEvent>(base(o, table), { kind: 'exit', process, ...(exitCode !== undefined && { exitCode }) });
    }
    case 'connect':
    case 'accept':
    case 'bind':
    case 'listen':
    case 'flow_seen':
      return network(o, table, names);
    case 'dns_query':
    case 'dns_answer':
      return dns(o, table, names);
    case 'created':
    case 'modified':
    case 'renamed':
    case 'linked':
    case 'attributes_modified':
    case 'deleted':
    case 'accessed':
      return file(o, table);
    default:
      return auditRecord(o, table);
  }
}

function network(o: NetworkObservation, table: ProcessTable, names: NameMemory | undefined): NetworkEvent {
  const process =
    o.task !== undefined ? actor(o, o.task, table) : o.owner !== undefined ? table.find(o.owner, o.timeMs) : undefined;
  const event: Mutable<NetworkEvent> = extend<NetworkEvent>(base(o, process && table), { kind: o.kind });
  if (process !== undefined) event.process = process;
  if (o.source !== undefined) event.source = o.source;
  if (o.destination !== undefined) event.destination = withName(o, o.destination, names);
  if (o.family !== undefined) event.family = o.family;
  if (o.transport !== undefined) event.transport = o.transport;
  if (o.via !== undefined) event.via = o.via;
  if (o.communityId !== undefined) event.communityId = o.communityId;
  if (o.translated !== undefined) event.translated = o.translated;
  if (o.direction !== undefined) event.direction = o.direction;
  if (o.teller !== undefined) event.teller = o.teller;
  return event;
}

/** The name that led to the address, where an answer said so; a port of the host itself needs none. */
function withName({ kind, timeMs }: NetworkObservation, end: Endpoint, names: NameMemory | undefined): Endpoint {
  if (kind !== 'connect' || end.ip === undefined || end.domain !== undefined) return end;
  const [domain] = names?.names(HOST, end.ip, timeMs) ?? [];
  return domain === undefined ? end : { ...end, domain };
}

function dns(o: DnsObservation, table: ProcessTable, names: NameMemory | undefined): DnsEvent {
  const { source, destination, family, transport, dns, isAsked } = o;
  if (isAsked === true && dns.protocol === 'dns') names?.learn(HOST, dns, o.timeMs);
  const process = o.task && actor(o, o.task, table);
  const event: Mutable<DnsEvent> = extend<DnsEvent>(base(o, process && table), {
    kind: o.kind,
    source,
    destination,
    family,
    transport,
    dns,
  });
  if (process !== undefined) event.process = process;
  return event;
}

function file(o: FileObservation, table: ProcessTable): FileEvent {
  const process = o.task && table.teller(o.task, o.startTicks, o.timeMs, o.stamp);
  const event: Mutable<FileEvent> = extend<FileEvent>(base(o, process && table), {
    kind: o.kind,
    file: packaged(named(o.file, table), process, o.containerId),
    teller: o.teller,
  });
  if (process !== undefined) event.process = process;
  if (o.containerId !== undefined) event.container = table.container(o.containerId);
  return event;
}

/** A package manager's own doing is told as such, also where the content is as the package has it: modes and owners are its doing too. */
function packaged(file: FileFacts, process: Process | undefined, containerId: string | undefined): FileFacts {
  const manager = process && managerOf(process, containerId);
  return manager === undefined ? file : { ...file, package: { ...file.package, manager, state: 'installing' } };
}

/** The accounts' names, which the source doesn't know. */
function named(file: FileFacts, { credentials }: ProcessTable): FileFacts {
  const name = (state: FileState): Pick<FileState, 'owner' | 'group'> => ({
    ...(state.owner !== undefined && { owner: credentials.user(state.owner.id) }),
    ...(state.group !== undefined && { group: credentials.group(state.group.id) }),
  });
  const { previous } = file;
  return { ...file, ...name(file), ...(previous !== undefined && { previous: { ...previous, ...name(previous) } }) };
}

function auditRecord(o: AuditRecordObservation, table: ProcessTable): AuditRecordEvent {
  const { task } = o;
  if (o.kind === 'host_booted') table.hostBooted();
  // Before the process is looked up: the login's facts belong to this event too.
  if (
    task?.session !== undefined &&
    (o.kind === 'logged_in' || o.kind === 'session_opened') &&
    o.outcome !== 'failure'
  ) {
    table.credentials.noteSession(task.session, task.auid, o.terminal, o.address);
  }
  const process = task === undefined ? o.log && writer(o.log, o.timeMs, table) : actor(o, task, table);
  const event: Mutable<AuditRecordEvent> = extend<AuditRecordEvent>(base(o, process && table), { kind: o.kind });
  if (process !== undefined) event.process = process;
  if (o.target !== undefined) event.target = o.target;
  if (o.address !== undefined) event.address = o.address;
  if (o.terminal !== undefined) event.terminal = o.terminal;
  if (o.service !== undefined) event.service = o.service;
  if (o.log !== undefined) event.log = o.log;
  if (process !== undefined && o.outcome !== 'failure') noteRoot(o, process, table);
  return event;
}

/** Who wrote a log's line, unless it has become another program since. */
function writer({ writer }: LogFacts, timeMs: number, table: ProcessTable): Process | undefined {
  if (writer === undefined) return undefined;
  const process = table.find(writer.pid, timeMs);
  const { executable } = writer;
  return executable === undefined || process?.image.executable === executable ? process : undefined;
}

/** The event shows the process as it was when it asked; what comes of it holds from the next one on. */
function noteRoot(o: AuditRecordObservation, process: Process, table: ProcessTable): void {
  if (o.kind === 'root_changed') {
    table.changeRoot(process, 'root', newRoot(o));
  } else if (o.kind === 'namespace_entered') {
    const effect = namespaceEffect(o.records?.find(record => record.type === 'SYSCALL'));
    if (effect !== 'none') table.changeRoot(process, effect, undefined);
  }
}

/** The directory that chroot or pivot_root was given: its first PATH item. */
function newRoot(o: AuditRecordObservation): { dev: string; inode: string } | undefined {
  const path = o.records?.find(record => record.type === 'PATH' && record.get('item') === '0');
  const dev = path?.get('dev');
  const inode = path?.get('inode');
  return dev !== undefined && inode !== undefined ? { dev, inode } : undefined;
}

function actor(o: ObservationBase, task: TaskFacts, table: ProcessTable): Process {
  return table.actor(task, o.timeMs, o.stamp);
}

/** What all events have; to be called after the table was asked, for its warnings. */
function base(o: ObservationBase, table: ProcessTable | undefined): EventBase {
  const event: Mutable<EventBase> = {
    module: o.module,
    timeMs: o.timeMs,
    createdMs: o.createdMs,
    stamp: o.stamp,
    ordinal: o.ordinal,
    warnings: table === undefined || table.warnings.length === 0 ? o.warnings : [...o.warnings, ...table.warnings],
  };
  if (o.sequence !== undefined) event.sequence = o.sequence;
  if (o.outcome !== undefined) event.outcome = o.outcome;
  if (o.errorCode !== undefined) event.errorCode = o.errorCode;
  if (o.records !== undefined) event.records = o.records;
  return event;
}

function extend<T extends EventBase>(event: EventBase, own: Omit<T, keyof EventBase>): T {
  return Object.assign(event, own) as T;
}

// A line read back: the event that it was made of, as far as the line holds it. Takes whatever JSON there is: what is missing or of
// another type is absent. The inverse of line.ts, which see. Pure.

import type {
  Container,
  Credentials,
  HostEvent,
  Identity,
  Kind,
  LogFacts,
  Login,
  NetworkEvent,
  Origin,
  Process,
  ProcessImage,
  RecordView,
} from '../../core/event.ts';
import { parseLine } from '../../logs/line.ts';
import { meaningOf } from '../../logs/meaning.ts';
import { innerMessage } from '../../logs/observe.ts';
import { servicesOf } from '../../logs/services.ts';
import { NORMAL } from './caps.ts';
import { KINDS } from './kinds.ts';
import { dnsPartsOf } from './read-dns.ts';
import { filePartsOf, isFileKind } from './read-file.ts';
import { isNetworkKind, networkPartsOf } from './read-network.ts';
import { known, Reader, unlessEmpty } from './reader.ts';

function identityOf(line: Reader, path: string): Identity | undefined {
  const id = line.number(`${path}.id`);
  return id === undefined ? undefined : known<Identity>({ id, name: line.text(`${path}.name`) });
}

function credentialsOf(process: Reader): Credentials | undefined {
  return unlessEmpty(
    known<Credentials>({
      uid: identityOf(process, 'real_user'),
      euid: identityOf(process, 'user'),
      suid: identityOf(process, 'saved_user'),
      gid: identityOf(process, 'real_group'),
      egid: identityOf(process, 'group'),
      sgid: identityOf(process, 'saved_group'),
    }),
  );
}

function loginOf(line: Reader): Login | undefined {
  return unlessEmpty(
    known<Login>({
      auid: identityOf(line, 'puppy.login'),
      session: line.number('puppy.login.session'),
      terminal: line.text('puppy.login.terminal'),
      address: line.text('puppy.login.address'),
    }),
  );
}

const ORIGINS: readonly string[] = ['audit', 'proc', 'cache', 'packet', 'sock_diag', 'fanotify', 'runtime'];

/** What stands in `process`, in `process.parent` or in an ancestor. */
function imageOf(process: Reader, origin: string | undefined): ProcessImage {
  const args = process.texts('args');
  const argsCount = process.number('args_count');
  // A command line such as `-` isn't printed.
  const commandLine =
    process.text('command_line') ?? (args.length > 0 && args.length === argsCount ? args.join(' ') : undefined);
  return known<ProcessImage>({
    pid: process.number('pid') ?? 0,
    entitySeed: process.text('entity_id') ?? String(process.number('pid') ?? ''),
    executable: process.text('executable'),
    args: args.length === 0 ? undefined : args,
    argsCount,
    commandLine,
    cwd: process.text('working_directory'),
    startMs: process.timeMs('start'),
    credentials: credentialsOf(process),
    origin: (ORIGINS.includes(origin ?? '') ? origin : 'cache') as Origin,
  });
}

const ANCESTORS_MAX = 16;

function processOf(line: Reader): Process | undefined {
  const process = line.at('process');
  if (!process.isObject) return undefined;
  const invoked = line.texts('puppy.process.invoked');
  const image: ProcessImage = {
    ...imageOf(process, line.text('puppy.origin.process')),
    ...known<Partial<ProcessImage>>({
      invoked: invoked.length === 0 ? undefined : invoked,
      comm: line.text('puppy.process.comm'),
      tty: line.text('puppy.process.tty'),
      foreignRoot: line.text('puppy.process.root') === 'foreign' ? true : undefined,
      login: loginOf(line),
      container: containerOf(line),
      drift: line.flag('puppy.container.drift') === true ? true : undefined,
    }),
  };
  const ancestors = line
    .list('puppy.ancestors')
    .slice(0, ANCESTORS_MAX)
    .map(ancestor => imageOf(ancestor, undefined));
  const parent = process.at('parent');
  const isKnown = parent.text('entity_id') !== undefined;
  if (isKnown) ancestors.splice(0, 1, imageOf(parent, line.text('puppy.origin.parent')));
  return known<Process>({ image, ancestors, parentPid: parent.number('pid') });
}

function containerOf(line: Reader): Container | undefined {
  const id = line.text('container.id');
  if (id === undefined) return undefined;
  const image = line.text('container.image.name');
  return known<Container>({
    id,
    runtime: line.text('container.runtime'),
    name: line.text('container.name'),
    image: image === undefined ? undefined : known({ name: image, tag: line.texts('container.image.tag')[0] }),
    labels: unlessEmpty(Object.fromEntries(line.at('container.labels').scalars())),
    pod: unlessEmpty(
      known<NonNullable<Container['pod']>>({
        uid: line.text('orchestrator.resource.id'),
        name: line.text('orchestrator.resource.name'),
        namespace: line.text('orchestrator.namespace'),
      }),
    ),
  });
}

/** Audit records as an alert carries them: their values as text. */
function recordsOf(line: Reader): RecordView[] | undefined {
  const records = line.list('puppy.audit.records').flatMap((record): RecordView[] => {
    const type = record.text('type');
    if (type === undefined) return [];
    let fields: Map<string, string> | undefined;
    const read = (): Map<string, string> => {
      fields ??= new Map(record.scalars().filter(([name]) => name !== 'type'));
      return fields;
    };
    return [{ type, get: name => read().get(name), entries: read }];
  });
  return records.length === 0 ? undefined : records;
}

/** The header that a line of a file has is taken off again, and its message is understood again. */
function logOf(line: Reader, timeMs: number): LogFacts | undefined {
  const original = line.text('event.original')?.slice(0, NORMAL.textBytes);
  if (original === undefined) return undefined;
  const program = line.text('log.syslog.appname');
  const facility = line.number('log.syslog.facility.code');
  const path = line.text('log.file.path');
  const message = path === undefined ? original : innerMessage(parseLine(original, timeMs).message);
  const isAuthentic = !line.texts('puppy.warnings').includes('program_unverified');
  return known<LogFacts>({
    message,
    original,
    program,
    pid: line.number('log.syslog.procid'),
    hostname: line.text('log.syslog.hostname'),
    facility,
    severity: line.number('log.syslog.severity.code'),
    path,
    services: servicesOf(isAuthentic ? { program, facility, path } : {}),
    fields: isAuthentic ? meaningOf(program, message).fields : undefined,
    user: line.text('user.name'),
    port: line.number('source.port'),
  });
}

const isHostKind = (action: string): action is HostEvent['kind'] =>
  Object.hasOwn(KINDS, action) && KINDS[action as Kind].kind === 'event' && KINDS[action as Kind].dataset !== 'agent';

/** The event of a line; undefined where the line is none of a host's (the agent's own, a foreign one). */
export function eventOf(json: unknown): HostEvent | undefined {
  const line = new Reader(json);
  const kind = line.text('event.action') ?? '';
  if (!isHostKind(kind)) return undefined;
  const timeMs = line.timeMs('@timestamp') ?? 0;
  const module = line.text('event.module');
  const outcome = line.text('event.outcome');
  const base = known<Omit<NetworkEvent, 'kind'>>({
    module:
      module === 'logs' || module === 'inventory' || module === 'fsnotify' || module === 'pcap' ? module : 'audit',
    timeMs,
    createdMs: line.timeMs('event.created') ?? timeMs,
    stamp: line.text('puppy.event.id') ?? line.text('event.id') ?? '',
    ordinal: 0,
    warnings: line.texts('puppy.warnings'),
    sequence: line.number('event.sequence'),
    outcome: outcome === 'success' || outcome === 'failure' || outcome === 'unknown' ? outcome : undefined,
    errorCode: line.text('error.code'),
    records: recordsOf(line),
    process: processOf(line),
  });
  if (kind === 'dns_query' || kind === 'dns_answer') return { ...base, kind, ...dnsPartsOf(line) };
  if (isFileKind(kind)) {
    const container = base.process?.image.container === undefined ? containerOf(line) : undefined;
    return { ...base, kind, ...filePartsOf(line), ...(container !== undefined && { container }) };
  }
  if (isNetworkKind(kind)) return { ...base, kind, ...networkPartsOf(line, kind) };
  switch (kind) {
    case 'container_started':
    case 'container_stopped': {
      const { process: _, ...rest } = base;
      const container = containerOf(line);
      return container && { ...rest, kind, container };
    }
    case 'exec':
    case 'exec_failed':
    case 'exit': {
      const process = base.process ?? { image: imageOf(new Reader({}), undefined), ancestors: [] };
      if (kind === 'exec') return { ...base, kind, process };
      if (kind === 'exit') return { ...base, kind, process, ...known({ exitCode: line.number('process.exit_code') }) };
      return { ...base, kind, process, ...known({ target: line.text('puppy.process.target') }) };
    }
    default:
      return {
        ...base,
        kind,
        ...known({
          target: unlessEmpty(known({ name: line.text('user.target.name'), id: line.number('user.target.id') })),
          address: line.text('source.ip') ?? line.text('source.domain'),
          terminal: line.text('puppy.login.terminal'),
          service: line.text('service.name'),
          log: logOf(line, timeMs),
        }),
      };
  }
}

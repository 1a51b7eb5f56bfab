// The one table of field names: what a rule may name, and how its values are read from an event. Data, and the few lines that look
// it up. Names are case-sensitive.

import type {
  Container,
  Credentials,
  FileEvent,
  FileFacts,
  FileState,
  HostEvent,
  Identity,
  Login,
  Process,
  ProcessImage,
  RecordView,
} from '../core/event.ts';
import { FILE_KINDS, HASH_ALGORITHMS } from '../core/event.ts';
import { baseName, directoryOf, extensionOf, modeText } from '../core/paths.ts';
import { LOG_FIELDS, LOG_LINE } from './log-fields.ts';
import {
  ANSWER_FIELDS,
  DNS_FIELDS,
  isConnection,
  isDnsEvent,
  NETWORK_FIELDS,
  NEVER_NETWORK,
} from './network-fields.ts';
import type { Values } from './values.ts';

/** Appends the field's values; nothing when the event doesn't have it. */
export type Collect = (event: HostEvent, out: Values) => void;
export type CollectRecord = (record: RecordView, event: HostEvent, out: Values) => void;

/** Sigma's categories of file events, each with the kinds that it means. */
export const FILE_STREAMS = {
  file_event: ['created', 'modified', 'renamed', 'linked'],
  file_change: ['modified', 'renamed', 'linked', 'attributes_modified'],
  file_rename: ['renamed'],
  file_delete: ['deleted'],
  file_access: ['accessed'],
} as const satisfies Readonly<Record<string, readonly FileEvent['kind'][]>>;
export type FileStream = keyof typeof FILE_STREAMS;
export const FILE_STREAM_NAMES = Object.keys(FILE_STREAMS) as FileStream[];

/** What a rule's events come from: process starts, connections, files, single audit records, or lines of logs. */
export type Stream = 'exec' | 'network' | 'dns' | FileStream | 'record' | 'log';

export interface Field {
  readonly name: string;
  /** Absent where no event has the field; `why` then says so. */
  readonly collect?: Collect;
  readonly why?: string;
  /** Paths have no backslash on Linux. */
  readonly isPath?: boolean;
}

type FromImage = (image: ProcessImage, out: Values) => void;
type FromProcess = (process: Process, out: Values) => void;

function candidates(image: ProcessImage, out: Values): void {
  out.add(image.executable);
  const { invoked } = image;
  if (invoked === undefined) return;
  for (const path of invoked) if (path !== image.executable) out.add(path);
}

const identity = (pick: (c: Credentials) => Identity | undefined): Record<'id' | 'name', FromImage> => ({
  id: (image, out) => {
    if (image.credentials !== undefined) out.addNumber(pick(image.credentials)?.id);
  },
  name: (image, out) => {
    if (image.credentials !== undefined) out.add(pick(image.credentials)?.name);
  },
});
const identities: Readonly<Record<string, Record<'id' | 'name', FromImage>>> = {
  user: identity(c => c.euid),
  real_user: identity(c => c.uid),
  saved_user: identity(c => c.suid),
  group: identity(c => c.egid),
  real_group: identity(c => c.gid),
  saved_group: identity(c => c.sgid),
};

/** Below `process.` and `process.parent.`. */
const IMAGE_FIELDS: Readonly<Record<string, FromImage>> = {
  pid: (image, out) => out.addNumber(image.pid),
  executable: (image, out) => out.add(image.executable),
  name: (image, out) => out.add(image.executable && baseName(image.executable)),
  args: (image, out) => out.addAll(image.args),
  args_count: (image, out) => out.addNumber(image.argsCount),
  command_line: (image, out) => out.add(image.commandLine),
  working_directory: (image, out) => out.add(image.cwd),
  ...Object.fromEntries(
    Object.entries(identities).flatMap(([name, { id, name: text }]) => [
      [`${name}.id`, id],
      [`${name}.name`, text],
    ]),
  ),
};
const IMAGE_PATHS = new Set(['executable', 'working_directory']);

const login = (pick: (login: Login) => string | number | undefined): FromProcess => {
  return ({ image }, out) => {
    const value = image.login && pick(image.login);
    if (value !== undefined) out.add(String(value));
  };
};

const ofAncestors = (collect: FromImage): FromProcess => {
  return ({ ancestors }, out) => {
    for (const ancestor of ancestors) collect(ancestor, out);
  };
};

const CONTAINER_FIELDS: Readonly<Record<string, (container: Container) => string | undefined>> = {
  'container.id': c => c.id,
  'container.name': c => c.name,
  'container.runtime': c => c.runtime,
  'container.image.name': c => c.image?.name,
  'container.image.tag': c => c.image?.tag,
  'orchestrator.namespace': c => c.pod?.namespace,
  'orchestrator.resource.name': c => c.pod?.name,
  'orchestrator.resource.id': c => c.pod?.uid,
};

const container = (pick: (container: Container) => string | undefined): FromProcess => {
  return ({ image }, out) => {
    if (image.container !== undefined) out.add(pick(image.container));
  };
};

const PROCESS_FIELDS: Readonly<Record<string, FromProcess>> = {
  Image: ({ image }, out) => candidates(image, out),
  ParentImage: ({ ancestors: [parent] }, out) => {
    if (parent !== undefined) candidates(parent, out);
  },
  // SigmaHQ's rules with `LogonId: 0` mean a process with no login: audit's unset loginuid reads 0.
  LogonId: ({ image }, out) => out.addNumber(image.login?.auid?.id ?? 0),
  'process.parent.pid': ({ ancestors, parentPid }, out) => out.addNumber(ancestors[0]?.pid ?? parentPid),
  'user.id': ({ image }, out) => identities.real_user!.id(image, out),
  'user.name': ({ image }, out) => identities.real_user!.name(image, out),
  'puppy.login.id': login(l => l.auid?.id),
  'puppy.login.name': login(l => l.auid?.name),
  'puppy.login.session': login(l => l.session),
  'puppy.login.terminal': login(l => l.terminal),
  'puppy.login.address': login(l => l.address),
  'puppy.process.comm': ({ image }, out) => out.add(image.comm),
  'puppy.process.tty': ({ image }, out) => out.add(image.tty),
  'puppy.process.root': ({ image }, out) => out.add(image.foreignRoot ? 'foreign' : undefined),
  'puppy.process.invoked': ({ image }, out) => out.addAll(image.invoked),
  ...Object.fromEntries(Object.entries(CONTAINER_FIELDS).map(([name, pick]) => [name, container(pick)])),
  'puppy.container.drift': ({ image }, out) => out.add(image.drift ? 'true' : undefined),
  'puppy.ancestors.pid': ofAncestors(IMAGE_FIELDS.pid!),
  'puppy.ancestors.executable': ofAncestors(IMAGE_FIELDS.executable!),
  'puppy.ancestors.name': ofAncestors(IMAGE_FIELDS.name!),
  'puppy.ancestors.command_line': ofAncestors(IMAGE_FIELDS.command_line!),
};
const PROCESS_PATHS = new Set(['Image', 'ParentImage', 'puppy.process.invoked', 'puppy.ancestors.executable']);

const EVENT_FIELDS: Readonly<Record<string, Collect>> = {
  'event.action': (event, out) => out.add(event.kind),
  'event.module': (event, out) => out.add(event.module),
  'event.outcome': (event, out) => out.add(event.outcome),
  'error.code': (event, out) => out.add(event.errorCode),
  'puppy.warnings': (event, out) => out.addAll(event.warnings),
};

/** Whether only a DNS answer has the field. */
export const isAnswerField = (name: string): boolean => Object.hasOwn(ANSWER_FIELDS, canonicalName(name));

type FromState = (state: FileState, out: Values) => void;
type FromFile = (file: FileFacts, out: Values) => void;

/** Below `file.` and `puppy.file.previous.`. */
const STATE_FIELDS: Readonly<Record<string, FromState>> = {
  type: ({ type }, out) => out.add(type),
  mode: ({ mode }, out) => out.add(mode === undefined ? undefined : modeText(mode)),
  owner: ({ owner }, out) => out.add(owner?.name),
  uid: ({ owner }, out) => out.addNumber(owner?.id),
  group: ({ group }, out) => out.add(group?.name),
  gid: ({ group }, out) => out.addNumber(group?.id),
  size: ({ size }, out) => out.addNumber(size),
  inode: ({ inode }, out) => out.add(inode),
  target_path: ({ target }, out) => out.add(target),
  ...Object.fromEntries(
    HASH_ALGORITHMS.map((name): [string, FromState] => [`hash.${name}`, ({ hashes }, out) => out.add(hashes?.[name])]),
  ),
};

const FILE_FIELDS: Readonly<Record<string, FromFile>> = {
  'file.path': ({ path }, out) => out.add(path),
  'file.name': ({ path }, out) => out.add(baseName(path)),
  'file.directory': ({ path }, out) => out.add(directoryOf(path)),
  'file.extension': ({ path }, out) => out.add(extensionOf(path)),
  ...Object.fromEntries(
    Object.entries(STATE_FIELDS).flatMap(([name, from]): [string, FromFile][] => [
      [`file.${name}`, from],
      [`puppy.file.previous.${name}`, ({ previous }, out) => previous && from(previous, out)],
    ]),
  ),
  Hashes: ({ hashes }, out) => {
    for (const name of HASH_ALGORITHMS) {
      const hash = hashes?.[name];
      if (hash !== undefined) out.add(`${name.toUpperCase()}=${hash}`);
    }
  },
  'puppy.file.host_path': ({ hostPath }, out) => out.add(hostPath),
  'puppy.file.moved_to': ({ movedTo }, out) => out.add(movedTo),
  'puppy.file.capabilities': ({ capabilities }, out) => out.add(capabilities),
  'puppy.file.previous.path': ({ previousPath }, out) => out.add(previousPath),
  'puppy.file.previous.capabilities': ({ previous }, out) => out.add(previous?.capabilities),
  'puppy.file.package.manager': ({ package: owner }, out) => out.add(owner?.manager),
  'puppy.file.package.name': ({ package: owner }, out) => out.add(owner?.name),
  'puppy.file.package.version': ({ package: owner }, out) => out.add(owner?.version),
  'puppy.file.package.state': ({ package: owner }, out) => out.add(owner?.state),
  'puppy.file.diff': ({ diff }, out) => out.add(diff),
};
const FILE_PATHS = new Set(['file.path', 'file.directory', 'file.target_path', 'puppy.file.previous.path']);
const FILE_KIND_SET: ReadonlySet<string> = new Set(FILE_KINDS);

export const isFileEvent = (event: HostEvent): event is FileEvent => FILE_KIND_SET.has(event.kind);

/** Sigma's names for what an ECS name says exactly. */
const SIGMA_NAMES: Readonly<Record<string, string>> = {
  CommandLine: 'process.command_line',
  CurrentDirectory: 'process.working_directory',
  ProcessId: 'process.pid',
  User: 'user.name',
  UserName: 'user.name',
  TerminalSessionId: 'puppy.login.session',
  ParentProcessId: 'process.parent.pid',
  ParentCommandLine: 'process.parent.command_line',
  ParentUser: 'process.parent.real_user.name',
  DestinationIp: 'destination.ip',
  DestinationPort: 'destination.port',
  DestinationHostname: 'destination.domain',
  SourceIp: 'source.ip',
  SourcePort: 'source.port',
  SourceHostname: 'source.domain',
  Protocol: 'network.transport',
  QueryName: 'dns.question.name',
  query: 'dns.question.name',
  record_type: 'dns.question.type',
  answer: 'dns.answers.data',
  QueryResults: 'dns.answers.data',
  QueryStatus: 'dns.response_code',
  TargetFilename: 'file.path',
  SourceFilename: 'puppy.file.previous.path',
  md5: 'file.hash.md5',
  sha1: 'file.hash.sha1',
  sha256: 'file.hash.sha256',
};

const NOT_ON_LINUX = 'Linux processes have no such property';
const NEVER: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    'OriginalFileName Product Company Description FileVersion IntegrityLevel ParentIntegrityLevel LogonGuid'
      .split(' ')
      .map(name => [name, NOT_ON_LINUX]),
  ),
  ...Object.fromEntries(
    'Hashes Imphash imphash file.hash.md5 file.hash.sha1 file.hash.sha256'
      .split(' ')
      .map(name => [name, 'executables are not hashed yet']),
  ),
  ProcessGuid: 'use ProcessId',
  ParentProcessGuid: 'use ParentProcessId',
};
const NEVER_FILE: Readonly<Record<string, string>> = { CreationUtcTime: 'files have no such time on Linux' };

export const isFileStream = (stream: Stream): stream is FileStream => Object.hasOwn(FILE_STREAMS, stream);

function table(stream: Exclude<Stream, 'record'>): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  const addProcess = (name: string, from: FromProcess, isPath: boolean): void => {
    const collect: Collect = (event, out) => {
      if (event.process !== undefined) from(event.process, out);
    };
    fields.set(name, { name, collect, ...(isPath ? { isPath } : {}) });
  };
  for (const [name, from] of Object.entries(IMAGE_FIELDS)) {
    addProcess(`process.${name}`, ({ image }, out) => from(image, out), IMAGE_PATHS.has(name));
    const fromParent: FromProcess = ({ ancestors: [parent] }, out) => parent && from(parent, out);
    addProcess(`process.parent.${name}`, fromParent, IMAGE_PATHS.has(name));
  }
  for (const [name, from] of Object.entries(PROCESS_FIELDS)) addProcess(name, from, PROCESS_PATHS.has(name));
  for (const [name, collect] of Object.entries(EVENT_FIELDS)) fields.set(name, { name, collect });
  for (const [name, why] of Object.entries(NEVER)) fields.set(name, { name, why });
  if (stream === 'exec') return fields;
  if (stream === 'dns') {
    for (const [name, from] of Object.entries(DNS_FIELDS)) {
      const collect: Collect = (event, out) => {
        if (isDnsEvent(event)) from(event, out);
      };
      fields.set(name, { name, collect });
    }
    return fields;
  }
  if (isFileStream(stream)) {
    const withContainer = (event: HostEvent): Container | undefined =>
      isFileEvent(event) ? event.container : undefined;
    for (const [name, pick] of Object.entries(CONTAINER_FIELDS)) {
      const ofProcess = fields.get(name)!.collect!;
      const collect: Collect = (event, out) => {
        const own = event.process?.image.container === undefined ? withContainer(event) : undefined;
        if (own === undefined) ofProcess(event, out);
        else out.add(pick(own));
      };
      fields.set(name, { name, collect });
    }
    for (const [name, from] of Object.entries(FILE_FIELDS)) {
      const collect: Collect = (event, out) => {
        if (isFileEvent(event)) from(event.file, out);
      };
      fields.set(name, { name, collect, ...(FILE_PATHS.has(name) ? { isPath: true } : {}) });
    }
    for (const [name, why] of Object.entries(NEVER_FILE)) fields.set(name, { name, why });
    return fields;
  }
  if (stream === 'log') {
    for (const [name, collect] of Object.entries(LOG_FIELDS)) fields.set(name, { name, collect });
    return fields;
  }
  for (const [name, from] of Object.entries(NETWORK_FIELDS)) {
    const collect: Collect = (event, out) => {
      if (isConnection(event)) from(event, out);
    };
    fields.set(name, { name, collect });
  }
  // A name that an event does have is read all the same; `why` is told because none has it yet.
  for (const [name, why] of Object.entries(NEVER_NETWORK)) fields.set(name, { ...fields.get(name), name, why });
  return fields;
}

const FILE_TABLE = table('file_event');
const FILES = Object.fromEntries(FILE_STREAM_NAMES.map(name => [name, FILE_TABLE])) as Record<
  FileStream,
  ReadonlyMap<string, Field>
>;

export const FIELDS: Readonly<Record<Exclude<Stream, 'record'>, ReadonlyMap<string, Field>>> = {
  exec: table('exec'),
  network: table('network'),
  dns: table('dns'),
  ...FILES,
  log: table('log'),
};

/** What keywords are looked for in: what describes a process is its command line. */
export const LINE_FIELD: Readonly<Record<keyof typeof FIELDS, string>> = {
  exec: 'process.command_line',
  network: 'process.command_line',
  dns: 'dns.question.name',
  file_event: 'file.path',
  file_change: 'file.path',
  file_rename: 'file.path',
  file_delete: 'file.path',
  file_access: 'file.path',
  log: LOG_LINE,
};

/** The name under which a field is read: two names of one thing are one field. */
export const canonicalName = (name: string): string => (Object.hasOwn(SIGMA_NAMES, name) ? SIGMA_NAMES[name]! : name);

/** Every name that a rule of the stream may use. */
export function fieldNames(stream: Stream): string[] {
  if (stream === 'record') return [...RECORD_FIELDS];
  const known = FIELDS[stream];
  const sigma = Object.keys(SIGMA_NAMES).filter(name => known.has(SIGMA_NAMES[name]!));
  return [...sigma, ...known.keys()];
}

/** The names in audit records (the field dictionary of the audit project), without `a0`…`aN`. */
const RECORD_FIELDS: ReadonlySet<string> = new Set(
  (
    'type acct addr apparmor arch argc audit_backlog_limit audit_backlog_wait_time audit_enabled audit_failure auid banners bool bus ' +
    'cap_fe cap_fi cap_fp cap_fver cap_pa cap_pe cap_pi cap_pp capability category cgroup changed cipher class cmd code comm compat ' +
    'cwd data default-context dev device dir direction dmac dport egid enforcing entries errno euid exe exit fam family fd fe feature ' +
    'fi file flags format fp fsgid fsuid fver gid grantors grp hostname icmp_type id igid img-ctx inif inode inode_gid inode_uid ' +
    'invalid_context ioctlcmd ip ipid ipx-net item items iuid kernel key kind ksize laddr len list lport mac macproto maj major ' +
    'minor mode model msg name nametype nargs net new new-cgroup new-chardev new-disk new-enabled new-fs new-level new-log_passwd ' +
    'new-mem new-net new-pe new-pi new-pp new-range new-rng new-role new-seuser new-vcpu new_gid new_lock new_pe new_pi new_pp ' +
    'nlnk-fam nlnk-grp nlnk-pid oauid obj obj_gid obj_uid ocomm oflag ogid old old-auid old-cgroup old-chardev old-disk old-enabled ' +
    'old-fs old-level old-log_passwd old-mem old-net old-pe old-pi old-pp old-range old-rng old-role old-ses old-seuser old-vcpu ' +
    'old_enforcing old_lock old_pa old_pe old_pi old_pp old_prom old_val op opid oses ouid outif pa parent path pe per perm perm_mask ' +
    'permissive pfs pi pid pp ppid printer proctitle prom proto qbytes range rdev reason removed res resrc result rport saddr ' +
    'saddr_fam sauid scontext selected-context seperm seperms seqno seresult ses seuser sgid sig sigev_signo smac spid sport state ' +
    'subj success suid syscall table tclass tcontext terminal tty uid unit uri user uuid val ver virt vm vm-ctx vm-pid watch ' +
    'SYSCALL ARCH AUID UID GID EUID SUID FSUID EGID SGID FSGID OUID OGID SADDR ID'
  ).split(' '),
);

const PATH_FIELDS =
  'type item name inode dev mode ouid ogid rdev nametype cap_fp cap_fi cap_fe cap_fver cap_frootid obj OUID OGID';
/** The fields of the records that every event has many of: rules over any other field needn't look at them. */
const FIELDS_OF_RECORD: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    PATH: PATH_FIELDS,
    CWD: 'type cwd',
    PROCTITLE: 'type proctitle',
    EOE: 'type',
    EXECVE: 'type argc',
    SOCKADDR: 'type saddr SADDR saddr_fam fam family laddr addr lport port path',
    BPRM_FCAPS:
      'type fver fp fi fe old_pp old_pi old_pe old_pa pp pi pe pa frootid cap_fp cap_fi cap_fe cap_fver cap_pp cap_pi cap_pe cap_pa',
  }).map(([type, names]) => [type, new Set(names.split(' '))]),
);
/** Record types that have a table of their fields. */
export const COMMON_RECORDS: readonly string[] = [...FIELDS_OF_RECORD.keys()];

/** Whether a record of the type can have the field. */
export function canHaveField(type: string, name: string): boolean {
  if (name === '' || FIELDS.exec.has(canonicalName(name))) return true;
  const argument = /^a(\d+)$/.exec(name);
  if (argument !== null)
    return type === 'SYSCALL' ? Number(argument[1]) < 4 : !FIELDS_OF_RECORD.has(type) || type === 'EXECVE';
  return FIELDS_OF_RECORD.get(type)?.has(name) ?? true;
}

export const isRecordField = (name: string): boolean =>
  RECORD_FIELDS.has(name) || /^a\d{1,5}$/.test(name) || FIELDS.exec.has(canonicalName(name));

/** Whether the field of a record's rule is one of the event that the record belongs to. */
export function readsEvent(name: string): boolean {
  return name !== 'type' && !RECORD_FIELDS.has(name) && FIELDS.exec.get(canonicalName(name))?.collect !== undefined;
}

/** A field of single audit records: the record's own, or by a name that audit doesn't use the event's. */
export function recordField(name: string): CollectRecord {
  if (name === 'type') return (record, _event, out) => out.add(record.type);
  const ofEvent = RECORD_FIELDS.has(name) ? undefined : FIELDS.exec.get(canonicalName(name))?.collect;
  if (ofEvent !== undefined) return (_record, event, out) => ofEvent(event, out);
  // Rules name system calls under either key: the number's and the name's.
  if (name === 'syscall') {
    return (record, _event, out) => {
      out.add(record.get('syscall'));
      out.add(record.get('SYSCALL'));
    };
  }
  // A record of several rules has several keys, held apart by 0x01.
  if (name === 'key') {
    return (record, _event, out) => {
      const key = record.get('key');
      if (key?.includes('\x01')) out.addAll(key.split('\x01'));
      else out.add(key);
    };
  }
  return (record, _event, out) => out.add(record.get(name));
}

// The vocabulary of the pipeline: what an event is, from whichever source. Imports nothing but other core files.

/** Where a fact came from (`puppy.origin`). */
export type Origin = 'audit' | 'proc' | 'cache' | 'packet' | 'sock_diag' | 'fanotify' | 'runtime';

export type Module = 'audit' | 'pcap' | 'fsnotify' | 'logs' | 'inventory' | 'agent';

export type Outcome = 'success' | 'failure' | 'unknown';

/** A numeric id with the name it had when the event was enriched; the name is absent when nothing maps it. */
export interface Identity {
  readonly id: number;
  readonly name?: string;
}

/** The ids of a task, as the kernel names them; each is absent where the source didn't tell. Shared (interned) between processes. */
export interface Credentials {
  readonly uid?: Identity;
  readonly euid?: Identity;
  readonly suid?: Identity;
  readonly fsuid?: Identity;
  readonly gid?: Identity;
  readonly egid?: Identity;
  readonly sgid?: Identity;
  readonly fsgid?: Identity;
}

/** The login that a process descends from: audit's loginuid and session, absent where unset. */
export interface Login {
  readonly auid?: Identity;
  readonly session?: number;
  readonly terminal?: string;
  readonly address?: string;
}

/** A container, as its cgroup names it. Shared by all its processes: what its runtime tells of it is filled in when it is known. */
export interface Container {
  /** The runtime's own id; for runtimes without one (LXC, nspawn) the name. */
  readonly id: string;
  /** `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `nspawn`; absent where the cgroup doesn't say. */
  readonly runtime?: string;
  readonly name?: string;
  readonly image?: { readonly name: string; readonly tag?: string };
  readonly labels?: Readonly<Record<string, string>>;
  /** The Kubernetes pod. */
  readonly pod?: { readonly uid?: string; readonly name?: string; readonly namespace?: string };
}

/** What one process is since its last exec. Immutable: a later exec makes a new image, so that snapshots stay true. */
export interface ProcessImage {
  readonly pid: number;
  /** What the entity id is hashed from: `pid:stamp of its first exec event`, or for a process found in /proc `pid@boot id/start ticks`. */
  readonly entitySeed: string;
  /** Resolved path of the executable, in the process's own root. */
  readonly executable?: string;
  /** The path as invoked and the shebang chain, absolute where that is known, in the order of the PATH records; without the ELF loader. */
  readonly invoked?: readonly string[];
  readonly comm?: string;
  readonly args?: readonly string[];
  /** The true number of arguments, also where `args` is cut. */
  readonly argsCount?: number;
  /** `args` joined by one space, nothing quoted. */
  readonly commandLine?: string;
  readonly cwd?: string;
  /** Milliseconds since the epoch. */
  readonly startMs?: number;
  readonly tty?: string;
  readonly credentials?: Credentials;
  readonly login?: Login;
  /** True when the process's root directory isn't the host's. */
  readonly foreignRoot?: boolean;
  readonly container?: Container;
  /** True when the executable was written after its container had been made: it isn't in the image. */
  readonly drift?: boolean;
  readonly origin: Origin;
}

export interface Process {
  readonly image: ProcessImage;
  /** Nearest first, at most 16; `ancestors[0]` is the parent. */
  readonly ancestors: readonly ProcessImage[];
  /** The parent's pid, known also where nothing else of the parent is. */
  readonly parentPid?: number;
}

export interface Endpoint {
  readonly ip?: string;
  readonly port?: number;
  readonly domain?: string;
}

/** One audit record as rules and alerts read it. Values are decoded text; unset and `(null)` values are absent. */
export interface RecordView {
  /** The record type's name: `SYSCALL`, `PATH`, `USER_LOGIN`. */
  readonly type: string;
  get(name: string): string | undefined;
  entries(): Iterable<readonly [string, string]>;
  /** A text that two records of one type share only if all their values are the same; absent where none is at hand. */
  fingerprint?(): string | undefined;
}

/** What observations and events of all kinds have. */
export interface EventBase {
  readonly module: Module;
  /** The event's own time, milliseconds since the epoch. */
  readonly timeMs: number;
  /** When the agent read it, milliseconds since the epoch. */
  readonly createdMs: number;
  /** The source's own stamp (audit: `sec.ms:serial`); with `ordinal` it identifies the event within its source. */
  readonly stamp: string;
  readonly ordinal: number;
  /** The audit serial. */
  readonly sequence?: number;
  readonly outcome?: Outcome;
  /** The errno's name, such as `ECONNREFUSED`. */
  readonly errorCode?: string;
  /** Short codes of what was odd. */
  readonly warnings: readonly string[];
  /** The records it was made of; valid only while the event is being processed. */
  readonly records?: readonly RecordView[];
}

/** One line of a log, as its parts were read. Everything but `writer` is what the line's author says. */
export interface LogFacts {
  /** Without the header. */
  readonly message: string;
  /** The whole line, where it has a header. */
  readonly original?: string;
  /** What wrote it, as the line says: the syslog tag. */
  readonly program?: string;
  readonly pid?: number;
  readonly hostname?: string;
  /** Syslog's numbers. */
  readonly facility?: number;
  readonly severity?: number;
  /** The file it was read from. */
  readonly path?: string;
  /** Sigma's services that it belongs to: `sshd`, `auth`, `syslog`. */
  readonly services: readonly string[];
  /** What the message itself names, each as often as it does: sudo's `USER`, PAM's `rhost`. */
  readonly fields?: Readonly<Record<string, readonly string[]>>;
  /** Who acted, where the message says so. */
  readonly user?: string;
  readonly port?: number;
  /** The process that the journal took it from, which no author can choose. */
  readonly writer?: { readonly pid: number; readonly executable?: string };
}

export interface ExecEvent extends EventBase {
  readonly kind: 'exec';
  readonly process: Process;
}

/** A failed execve: `process` is the caller, as it was; `target` is what it tried to run. */
export interface ExecFailedEvent extends EventBase {
  readonly kind: 'exec_failed';
  readonly process: Process;
  readonly target?: string;
}

export interface NetworkEvent extends EventBase {
  /** `flow_seen`: packets of a connection of which no process is known. */
  readonly kind: 'connect' | 'accept' | 'bind' | 'listen' | 'flow_seen';
  readonly process?: Process;
  /** The initiator's end. */
  readonly source?: Endpoint;
  readonly destination?: Endpoint;
  readonly family?: 'ipv4' | 'ipv6';
  /** Absent until something tells it: a connect record can't. */
  readonly transport?: 'tcp' | 'udp' | 'sctp' | 'icmp';
  /** How the kernel was asked, where it wasn't the plain syscall: `sendto` (TCP Fast Open), `io_uring`. */
  readonly via?: string;
  /** Of a connection that was seen in packets: https://github.com/corelight/community-id-spec */
  readonly communityId?: string;
  /** Its ends on the other side of an address translation. */
  readonly translated?: { readonly source: Endpoint; readonly destination: Endpoint };
  /** Local ports of which one is this call's, open which. */
  readonly candidates?: readonly number[];
  /** Which way, where the kind doesn't say: of a `flow_seen`. */
  readonly direction?: 'ingress' | 'egress';
  /** What says who it was, where it's no record of the call: `sock_diag` named the socket's owner. */
  readonly teller?: 'audit' | 'packet' | 'sock_diag';
}

/** An audit event, or a log's line, whose meaning is told by its kind alone; rules see its records or `log`. */
export interface AuditRecordEvent extends EventBase {
  readonly kind:
    | 'root_changed'
    | 'namespace_entered'
    | 'audit_config_changed'
    | 'logged_in'
    | 'login_failed'
    | 'session_opened'
    | 'session_closed'
    | 'sudo_command'
    | 'user_added'
    | 'user_deleted'
    | 'group_changed'
    | 'password_changed'
    | 'service_started'
    | 'service_stopped'
    | 'host_booted'
    | 'host_stopping'
    | 'anomaly'
    /** Any other audit event: a host's own rule, or a record type with no kind of its own. */
    | 'audit_event'
    /** Any other line of a log. */
    | 'log_line';
  readonly process?: Process;
  /** The account that was acted on, for authentication and iam. */
  readonly target?: { readonly name?: string; readonly id?: number };
  readonly address?: string;
  readonly terminal?: string;
  readonly service?: string;
  /** Of a log's line. */
  readonly log?: LogFacts;
}

/** What the agent says of itself. `details` goes to `puppy.<kind>`: plain JSON values, nothing absent inside. */
export interface AgentEvent extends EventBase {
  readonly kind: 'agent_started' | 'agent_stopped' | 'rules_loaded' | 'rule_rejected' | 'source_down' | 'source_up';
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Something was lost: which stage, by which measure, how much, in which window. */
export interface LossEvent extends EventBase {
  readonly kind: 'loss';
  readonly message: string;
  readonly loss: {
    readonly source: Module | 'output';
    /** `socket`, `incomplete`, `kernel_backlog`, `ring`, `assembler`, `output`, `log_behind`, `journal`, `unreadable`, `queue`, `interface`. */
    readonly reason: string;
    readonly count: number;
    readonly unit: 'events' | 'records' | 'lines' | 'packets';
    /** True where `count` can be more than what was lost. */
    readonly upperBound: boolean;
    readonly fromMs: number;
    readonly toMs: number;
    readonly heaviest?: { readonly uid?: number; readonly executable?: string; readonly bytes: number };
  };
}

export interface HeartbeatEvent extends EventBase {
  readonly kind: 'heartbeat';
  /** Totals since the start by stage, plain numbers nested at most two deep. */
  readonly counters: Readonly<Record<string, unknown>>;
}

/** `modified`: closed after it was written. `renamed`: it has this name now. `accessed`: only where it's asked for. */
export const FILE_KINDS = [
  'created',
  'modified',
  'renamed',
  'linked',
  'attributes_modified',
  'deleted',
  'accessed',
] as const;
export type FileKind = (typeof FILE_KINDS)[number];

export type FileType = 'file' | 'dir' | 'symlink' | 'fifo' | 'socket' | 'device';

export const HASH_ALGORITHMS = ['sha256', 'sha1', 'md5'] as const;
export type HashAlgorithm = (typeof HASH_ALGORITHMS)[number];
/** In hex, small letters. */
export type FileHashes = { readonly [A in HashAlgorithm]?: string };

/** A file at one time. All paths and names are safe text. */
export interface FileState {
  readonly type?: FileType;
  readonly inode?: string;
  /** Permissions with set-user-id, set-group-id and sticky: 0o7777 at most. */
  readonly mode?: number;
  readonly owner?: Identity;
  readonly group?: Identity;
  readonly size?: number;
  readonly mtimeMs?: number;
  readonly ctimeMs?: number;
  /** Where a symbolic link leads, as it says. */
  readonly target?: string;
  /** Of the content; absent where it wasn't read: not a regular file, too large, gone. */
  readonly hashes?: FileHashes;
  /** File capabilities as getcap prints them: `cap_net_raw=ep`. */
  readonly capabilities?: string;
}

/** The package that a file belongs to. */
export interface FilePackage {
  readonly manager: 'dpkg' | 'rpm';
  /** Absent where a package manager is at work and its list isn't there yet. */
  readonly name?: string;
  readonly version?: string;
  /** `intact`: as the package has it. `changed`: it isn't. `installing`: its package manager made the change. */
  readonly state: 'intact' | 'changed' | 'installing';
}

/** What a file event is about: the file as it was when it was looked at, right after. */
export interface FileFacts extends FileState {
  /** In the container's own view for a container's file. */
  readonly path: string;
  /** The host's name for a container's file. */
  readonly hostPath?: string;
  /** Of `renamed`: where it was, absent when that was outside of what is watched and couldn't be learned. */
  readonly previousPath?: string;
  /** Of `deleted`: it was moved out of what is watched, to here. */
  readonly movedTo?: string;
  /** `major:minor` in hex, as audit records have it. */
  readonly dev?: string;
  /** As it was last known before, what differs and what doesn't. */
  readonly previous?: FileState;
  readonly package?: FilePackage;
  /** What changed in its text, as `diff -u` shows it. */
  readonly diff?: string;
}

/** Who told of a file's change: the kernel, or a look (new directories, after a loss, at the start). */
export type FileTeller = 'fanotify' | 'inotify' | 'audit' | 'scan';

export interface FileEvent extends EventBase {
  readonly kind: FileKind;
  /** Absent where nobody could say who. */
  readonly process?: Process;
  readonly file: FileFacts;
  /** Whose file it is; the process's own container stands with the process. */
  readonly container?: Container;
  readonly teller: FileTeller;
}

export interface DnsQuestion {
  readonly name: string;
  /** `A`, `TXT`, `TYPE65280`. */
  readonly type: string;
  readonly class: string;
}

export interface DnsAnswer extends DnsQuestion {
  readonly ttl: number;
  /** As text; absent for types that aren't told apart. */
  readonly data?: string;
  /** The name that it leads to, and the addresses that it gives. */
  readonly target?: string;
  readonly addresses?: readonly string[];
}

/** One DNS message. Names are as on the wire: bytes that aren't printable ASCII are `\\DDD`. */
export interface DnsFacts {
  /** DNS itself, multicast DNS, LLMNR. */
  readonly protocol: 'dns' | 'mdns' | 'llmnr';
  readonly id: number;
  readonly opCode: string;
  readonly flags: readonly string[];
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsAnswer[];
  /** Of an answer: `NOERROR`, `NXDOMAIN`. */
  readonly responseCode?: string;
}

export interface DnsEvent extends EventBase {
  readonly kind: 'dns_query' | 'dns_answer';
  readonly process?: Process;
  /** Who asked. */
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly family: 'ipv4' | 'ipv6';
  readonly transport: 'tcp' | 'udp';
  readonly dns: DnsFacts;
}

/** A container came or went. */
export interface ContainerEvent extends EventBase {
  readonly kind: 'container_started' | 'container_stopped';
  readonly container: Container;
  readonly process?: never;
}

export type HostEvent =
  | ExecEvent
  | ExecFailedEvent
  | NetworkEvent
  | FileEvent
  | DnsEvent
  | AuditRecordEvent
  | ExitEvent
  | ContainerEvent;
export type AnyEvent = HostEvent | AgentEvent | LossEvent | HeartbeatEvent;
export type Kind = AnyEvent['kind'];

/** A process ended by exit_group. */
export interface ExitEvent extends EventBase {
  readonly kind: 'exit';
  readonly process: Process;
  readonly exitCode?: number;
}

/** Sigma's levels, least first. */
export const LEVELS = ['informational', 'low', 'medium', 'high', 'critical'] as const;
export type Level = (typeof LEVELS)[number];

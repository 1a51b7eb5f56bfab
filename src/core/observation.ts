// What a source saw, normalised but not yet enriched: ids are numbers, the process is only what the records themselves say.

import type {
  AgentEvent,
  AuditRecordEvent,
  DnsEvent,
  Endpoint,
  EventBase,
  FileFacts,
  FileKind,
  FileTeller,
  HeartbeatEvent,
  LogFacts,
  LossEvent,
  NetworkEvent,
} from './event.ts';

/** The task fields of an audit SYSCALL (or user-space) record; unset (4294967295) and `(null)`/`(none)` are absent. */
export interface TaskFacts {
  readonly pid: number;
  readonly ppid?: number;
  readonly uid?: number;
  readonly euid?: number;
  readonly suid?: number;
  readonly fsuid?: number;
  readonly gid?: number;
  readonly egid?: number;
  readonly sgid?: number;
  readonly fsgid?: number;
  readonly auid?: number;
  readonly session?: number;
  readonly tty?: string;
  readonly comm?: string;
  readonly exe?: string;
}

export type ObservationBase = EventBase;

/** A successful execve or execveat. */
export interface ExecObservation extends ObservationBase {
  readonly kind: 'exec';
  readonly task: TaskFacts;
  /** Absent when the EXECVE records are missing. Cut at argvMaxBytes; `argsCount` is then still the kernel's argc. */
  readonly args?: readonly string[];
  readonly argsCount?: number;
  readonly cwd?: string;
  /** PATH items before the ELF loader, absolute where the records allow: as invoked first, then the shebang chain. */
  readonly invoked: readonly string[];
  /** The executed file's identity in its file system, from PATH item 0: `dev` as `major:minor` in hex, as the record has it. */
  readonly file?: { readonly dev: string; readonly inode: string };
}

/** A failed execve or execveat: `task` is the caller, unchanged. */
export interface ExecFailedObservation extends ObservationBase {
  readonly kind: 'exec_failed';
  readonly task: TaskFacts;
  readonly target?: string;
}

export interface NetworkObservation extends ObservationBase {
  readonly kind: NetworkEvent['kind'];
  /** Absent only where the kernel names no task (io_uring workers name pid alone). */
  readonly task?: TaskFacts;
  readonly source?: Endpoint;
  readonly destination?: Endpoint;
  readonly family?: 'ipv4' | 'ipv6';
  readonly transport?: NetworkEvent['transport'];
  readonly via?: string;
  readonly communityId?: string;
  readonly translated?: NonNullable<NetworkEvent['translated']>;
  readonly direction?: NonNullable<NetworkEvent['direction']>;
  /** The pid of who holds the socket, of whom no record tells. */
  readonly owner?: number;
  readonly teller?: NonNullable<NetworkEvent['teller']>;
}

export interface AuditRecordObservation extends ObservationBase {
  readonly kind: AuditRecordEvent['kind'];
  readonly task?: TaskFacts;
  readonly target?: NonNullable<AuditRecordEvent['target']>;
  readonly address?: string;
  readonly terminal?: string;
  readonly service?: string;
  readonly log?: LogFacts;
}

/** A file changed, or was read where that was asked for. */
export interface FileObservation extends ObservationBase {
  readonly kind: FileKind;
  /** Who did it, as the source says; `pid` alone where the process was gone before it could be looked at. */
  readonly task?: TaskFacts;
  /** When that process started, since boot in USER_HZ. */
  readonly startTicks?: number;
  /** Owner and group without names. */
  readonly file: FileFacts;
  /** Whose file it is, by the container's id. */
  readonly containerId?: string;
  readonly teller: FileTeller;
}

/** A DNS message that was seen on its way. */
export interface DnsObservation extends ObservationBase, Omit<DnsEvent, keyof ObservationBase | 'process'> {
  /** Who asked, where that is known. */
  readonly task?: TaskFacts;
  /** Of an answer: its question was seen before, so that it isn't made up by anybody. */
  readonly isAsked?: boolean;
}

/** A process ended (exit_group): feeds the process table. */
export interface ExitObservation extends ObservationBase {
  readonly kind: 'exit';
  readonly task: TaskFacts;
  readonly exitCode?: number;
}

export type HostObservation =
  | ExecObservation
  | ExecFailedObservation
  | NetworkObservation
  | FileObservation
  | DnsObservation
  | AuditRecordObservation
  | ExitObservation;

/** Everything that enters the pipeline. The agent's own events need no enriching. */
export type Observation = HostObservation | AgentEvent | LossEvent | HeartbeatEvent;

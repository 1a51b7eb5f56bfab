// What the process stage may ask of the host: one interface, so that a recording or a replaying wrapper can sit in between.
// Every answer is a JSON value; `undefined` means that it couldn't be learned.

import type { Container } from '../core/event.ts';

/** The identity of the host, as events carry it. */
export interface HostIdentity {
  /** Lower-case hex without dashes. */
  readonly id: string;
  /** Where the id came from; `boot_id` changes with every boot. */
  readonly idSource: 'machine_id' | 'dbus_machine_id' | 'boot_id';
  /** Why it isn't the machine id, for people; absent where it is. */
  readonly idReason?: string;
  readonly name: string;
  readonly hostname: string;
  /** As `uname -m`: `x86_64`, `aarch64`. */
  readonly architecture: string;
  /** The kernel's release, as `uname -r`. */
  readonly kernelRelease: string;
  readonly bootId?: string;
}

/** What doesn't change while the host is up. */
export interface BootFacts {
  readonly bootId: string;
  /** USER_HZ: the unit of start times in /proc. */
  readonly ticksPerSecond: number;
  readonly pidMax: number;
}

/** One process as /proc shows it. Ids that are unset (4294967295) are absent. */
export interface ProcFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly comm: string;
  /** Since boot, in USER_HZ; with the pid it names a process for as long as the host is up. */
  readonly startTimeTicks: number;
  /** The POSIX session's leader. */
  readonly sessionLeader: number;
  /** As audit names it: `pts0`, `tty1`, `ttyS0`. */
  readonly tty?: string;
  readonly kernelThread?: true;
  readonly uid?: number;
  readonly euid?: number;
  readonly suid?: number;
  readonly fsuid?: number;
  readonly gid?: number;
  readonly egid?: number;
  readonly sgid?: number;
  readonly fsgid?: number;
  /** The pid in each nested pid namespace, outermost first; absent in the host's own. */
  readonly nsPids?: readonly number[];
  readonly args?: readonly string[];
  /** True where `args` is cut at the bound, so that the true number is not known. */
  readonly argsTruncated?: true;
  /** Without the kernel's ` (deleted)`. */
  readonly exe?: string;
  readonly exeDeleted?: true;
  readonly cwd?: string;
  /** Whether the process's root directory is this one's (by dev and inode). */
  readonly root?: 'host' | 'foreign';
  readonly auid?: number;
  /** Audit's session id. */
  readonly auditSession?: number;
}

/** A file at a path in the host's own root. */
export interface HostFile {
  /** `major:minor` in hex, as audit writes it. */
  readonly dev: string;
  readonly inode: string;
  /** Milliseconds since the epoch. */
  readonly ctimeMs: number;
}

/** A container as a cgroup (or, where none does, the mounts) names it. */
export interface ContainerRef {
  readonly id: string;
  readonly runtime?: string;
  readonly podUid?: string;
  /** Its own cgroup's path, else `mounts:ID` or `told:ID`: two containers never have the same. */
  readonly scope: string;
  /** The container that it runs in: whoever has that one can choose this one's id. */
  readonly outer?: string;
  /** The user who can choose its id, where that isn't root. */
  readonly owner?: number;
}

/** The scope of a container of Docker's of which no more than the id is known. */
export const TOLD = 'told:';

/** What a runtime tells of a container. */
export type ContainerDetails = Omit<Container, 'id'>;

/** Every call may race with a process's exit, and none throws. */
export interface HostFacts {
  host(): HostIdentity | undefined;
  boot(): BootFacts | undefined;
  /** Milliseconds since boot, suspended time included (as start times count it). */
  uptimeMs(): number | undefined;
  listPids(): readonly number[] | undefined;
  readProcess(pid: number): ProcFacts | undefined;
  startTicks(pid: number): number | undefined;
  processRoot(pid: number): 'host' | 'foreign' | undefined;
  /** The file at `path`, symbolic links followed. */
  hostFile(path: string): HostFile | undefined;
  /** Looks whether the account files changed, and says which version of them holds now. */
  refreshUsers(): number | undefined;
  userName(uid: number): string | undefined;
  groupName(gid: number): string | undefined;
  /** `host` for a process in none. */
  processContainer(pid: number): ContainerRef | 'host' | undefined;
  /** All that have a cgroup now, but for those inside of others; undefined where they are those of the last call too. */
  listContainers(): readonly ContainerRef[] | undefined;
  /** Who is in the container's own cgroup. */
  containerProcesses(scope: string): readonly number[] | undefined;
  /** Asks the runtime, and never waits: undefined until it has answered; empty if it can't. */
  containerDetails(scope: string): ContainerDetails | undefined;
  /** Whether the file at `path` in the container, which `pid` runs in, isn't (as it is) in its image. */
  isDrift(scope: string, pid: number, path: string): boolean | undefined;
}

const nothing = (): undefined => undefined;

/** Knows nothing: for the replay of a bare log. */
export const noFacts: HostFacts = {
  host: nothing,
  boot: nothing,
  uptimeMs: nothing,
  listPids: nothing,
  readProcess: nothing,
  startTicks: nothing,
  processRoot: nothing,
  hostFile: nothing,
  refreshUsers: nothing,
  userName: nothing,
  groupName: nothing,
  processContainer: nothing,
  listContainers: nothing,
  containerProcesses: nothing,
  containerDetails: nothing,
  isDrift: nothing,
};

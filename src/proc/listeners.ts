// Who else listens to audit's multicast group, and which capabilities the agent has (edge: /proc).

import { readFileSync } from 'node:fs';

const NETLINK_AUDIT = 9;
const READLOG_GROUP = 1;

export interface NetlinkSocket {
  /** The port id: by convention the process's pid, for a process's first socket. */
  readonly portId: number;
}

/** The sockets of /proc/net/netlink that are in audit's READLOG group (net/netlink/af_netlink.c: sk Eth Pid Groups …). */
export function parseAuditListeners(text: string): NetlinkSocket[] {
  return text
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(
      columns => Number(columns[1]) === NETLINK_AUDIT && (Number.parseInt(columns[3] ?? '', 16) & READLOG_GROUP) !== 0,
    )
    .map(columns => ({ portId: Number(columns[2]) }));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** A process's comm, for messages. */
export function commOf(pid: number): string | undefined {
  return read(`/proc/${pid}/comm`)?.trimEnd();
}

/** Other processes that get every audit record by multicast, for messages: `systemd-journal (pid 312)`. */
export function auditListeners(): string[] {
  const text = read('/proc/net/netlink');
  if (text === undefined) return [];
  return parseAuditListeners(text)
    .filter(({ portId }) => portId !== process.pid)
    .map(({ portId }) => {
      const comm = commOf(portId);
      return comm === undefined ? `a process with netlink port ${portId >>> 0}` : `${comm} (pid ${portId})`;
    });
}

/** Bits of linux/capability.h. */
export const CAPABILITY = {
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  NET_ADMIN: 12,
  SYS_PTRACE: 19,
  SYS_ADMIN: 21,
  AUDIT_CONTROL: 30,
  AUDIT_READ: 37,
} as const;

export type Capability = keyof typeof CAPABILITY;

/** Which of these the process lacks (CapEff of /proc/self/status); none where that can't be read. */
export function missingCapabilities(wanted: readonly Capability[]): Capability[] {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(read('/proc/self/status') ?? '')?.[1];
  if (effective === undefined) return [];
  const bits = BigInt(`0x${effective}`);
  return wanted.filter(name => (bits & (1n << BigInt(CAPABILITY[name]))) === 0n);
}

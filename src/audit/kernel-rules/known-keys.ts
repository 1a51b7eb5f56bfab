// Keys that published rules expect a host's audit rules to set, and the kernel rules that set them: those of Neo23x0's "Best Practice
// Auditd Configuration", which SigmaHQ's rules are written for. Data.

export interface KnownKey {
  /** Programs whose start has the key, by name in the system's folders. */
  readonly programs?: readonly string[];
  /** Address family of the connections that have it. */
  readonly family?: 2 | 10;
}

const KNOWN_KEYS: Readonly<Record<string, KnownKey>> = {
  // As SigmaHQ's rule f7158a64-6204-4d6d-868a-6e6378b467e0 lists them.
  susp_activity: {
    programs: 'wget curl base64 nc netcat ncat ssh socat wireshark rawshark rdesktop nmap'.split(' '),
  },
  network_connect_4: { family: 2 },
  network_connect_6: { family: 10 },
};

export const knownKey = (key: string): KnownKey | undefined =>
  Object.hasOwn(KNOWN_KEYS, key) ? KNOWN_KEYS[key] : undefined;

/** Where programs lie. A link is followed: the kernel watches files. */
export const PROGRAM_FOLDERS: readonly string[] = ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin', '/sbin'];
/** struct sockaddr_in and sockaddr_in6: the third argument of connect, for kernels without saddr_fam. */
export const ADDRESS_BYTES: Readonly<Record<2 | 10, number>> = { 2: 16, 10: 28 };

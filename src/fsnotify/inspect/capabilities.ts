// File capabilities as getcap prints them, from the bytes of the attribute security.capability (struct vfs_cap_data of
// linux/capability.h, revisions 2 and 3). Pure.

const NAMES: readonly string[] = [
  ...['chown', 'dac_override', 'dac_read_search', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap'],
  ...['linux_immutable', 'net_bind_service', 'net_broadcast', 'net_admin', 'net_raw', 'ipc_lock', 'ipc_owner'],
  ...['sys_module', 'sys_rawio', 'sys_chroot', 'sys_ptrace', 'sys_pacct', 'sys_admin', 'sys_boot', 'sys_nice'],
  ...['sys_resource', 'sys_time', 'sys_tty_config', 'mknod', 'lease', 'audit_write', 'audit_control', 'setfcap'],
  ...['mac_override', 'mac_admin', 'syslog', 'wake_alarm', 'block_suspend', 'audit_read', 'perfmon', 'bpf'],
  ...['checkpoint_restore'],
].map(name => `cap_${name}`);
const BITS = 64;

const REVISION_2 = 2;
const REVISION_3 = 3;
/** The sets that a capability can be in. Their order is the order of what is printed. */
const EFFECTIVE = 1;
const PERMITTED = 2;
const INHERITABLE = 4;

const letters = (sets: number): string =>
  `${(sets & EFFECTIVE) !== 0 ? 'e' : ''}${(sets & INHERITABLE) !== 0 ? 'i' : ''}${(sets & PERMITTED) !== 0 ? 'p' : ''}`;

/** `cap_net_raw=ep`, with ` [rootid=1000]` where they count in one user namespace only; absent where the bytes are none we know. */
export function capabilityText(bytes: Buffer): string | undefined {
  const revision = bytes.length < 4 ? 0 : bytes[3]!;
  const isKnown = (revision === REVISION_2 && bytes.length === 20) || (revision === REVISION_3 && bytes.length === 24);
  if (!isKnown) return undefined;
  const isEffective = (bytes[0]! & 1) !== 0;
  const sets: number[] = [];
  for (let n = 0; n < BITS; n++) {
    const at = 4 + (n >> 5) * 8;
    const bit = 1 << (n & 31);
    const either =
      ((bytes.readInt32LE(at) & bit) !== 0 ? PERMITTED : 0) |
      ((bytes.readInt32LE(at + 4) & bit) !== 0 ? INHERITABLE : 0);
    sets.push(either === 0 || !isEffective ? either : either | EFFECTIVE);
  }
  const rootId = revision === REVISION_3 ? bytes.readUInt32LE(20) : 0;
  return rootId === 0 ? setsText(sets) : `${setsText(sets)} [rootid=${rootId}]`;
}

/** What most of the named ones have is said first, then where the others differ; what has no name is added. */
function setsText(sets: readonly number[]): string {
  const base = mostFrequent(sets.slice(0, NAMES.length));
  const parts: string[] = [];
  const say = (from: number, to: number, has: number, against: number): void => {
    const names: string[] = [];
    for (let n = from; n < to; n++) if (sets[n] === has) names.push(NAMES[n] ?? String(n));
    if (names.length === 0) return;
    const [more, less] = [letters(has & ~against), letters(against & ~has)];
    const isFirst = from === 0 && base === 0 && parts.length === 0;
    parts.push(
      `${names.join(',')}${more === '' ? '' : `${isFirst ? '=' : '+'}${more}`}${less === '' ? '' : `-${less}`}`,
    );
  };
  for (let has = 7; has >= 0; has--) if (has !== base) say(0, NAMES.length, has, base);
  const isBaseSaid = base !== 0 || parts.length === 0;
  for (let has = 7; has > 0; has--) say(NAMES.length, BITS, has, 0);
  return isBaseSaid ? [`=${letters(base)}`, ...parts].join(' ') : parts.join(' ');
}

/** Of equals the least. */
function mostFrequent(sets: readonly number[]): number {
  const counts = new Array<number>(8).fill(0);
  for (const has of sets) counts[has]!++;
  return counts.indexOf(Math.max(...counts));
}

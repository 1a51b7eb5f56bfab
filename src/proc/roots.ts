// Whose root directory do a process's paths belong to? Judges an executed file against the host's file at the same path.
//
// A false "foreign" silences allow-lists and is seen by people; a missed one lets `unshare -Ur chroot` call itself /usr/sbin/sshd. So
// a difference counts only where it can't have another reason:
// - Only paths under system directories are looked up: those are what allow-lists name, and a stat there can't be made to hang by a
//   user's own FUSE mount. What builds and scripts write and run in /home or /tmp is never judged (such files are replaced all the time).
// - stat's device number differs from audit's on btrfs (subvolumes) and overlay. A device is trusted once a file on it was executed
//   whose device and inode both agreed. Where only inodes agree, which device audit has for stat's is learned, and only a third device
//   is then foreign (overlay's inodes can differ as well). Else there is no judgement.
// - A file that was changed, replaced or renamed at or after the exec has a younger ctime: no judgement.

import { LRUCache } from 'lru-cache';
import type { HostFacts, HostFile } from './facts.ts';

export type RootVerdict = 'host' | 'foreign' | 'unknown';

const SYSTEM_PATH = /^\/(?:usr|bin|sbin|lib|lib32|lib64|libx32|opt|etc|root|nix|gnu)\//;
const PATHS_MAX = 4_096;
const PATHS_MAX_CHARS = 1_000_000;
const DEVICES_MAX = 256;
/** So many files must have agreed before another device is judged by it. */
const ALIAS_TRUSTED = 3;
/** An answer older than this, in event time, is asked for again. */
const RECHECK_MS = 10_000;
/** A file whose ctime isn't at least this much before the exec may have been put there after it. */
const SETTLED_MS = 2_000;

interface Known {
  readonly file: HostFile | undefined;
  readonly askedMs: number;
}

export class FileJudge {
  readonly #facts: HostFacts;
  readonly #known = new LRUCache<string, Known>({
    max: PATHS_MAX,
    maxSize: PATHS_MAX_CHARS,
    sizeCalculation: (_, path) => path.length + 1,
  });
  readonly #exactDevices = new Set<string>();
  /** stat's device → the device that audit has for the same files, where they differ. */
  readonly #aliases = new Map<string, { dev: string; agreed: number }>();

  constructor(facts: HostFacts) {
    this.#facts = facts;
  }

  /** `path` is where the process found the file, absolute in its own root; `timeMs` is the event's wall-clock time. */
  judge(path: string, file: { readonly dev: string; readonly inode: string }, timeMs: number): RootVerdict {
    if (!SYSTEM_PATH.test(path)) return 'unknown';
    const known = this.#known.get(path);
    if (known !== undefined && Math.abs(timeMs - known.askedMs) <= RECHECK_MS) {
      if (known.file !== undefined && this.#agrees(known.file, file)) return 'host';
    }
    const host = this.#facts.hostFile(path);
    this.#known.set(path, { file: host, askedMs: timeMs });
    if (host === undefined) return 'unknown';
    this.#learn(host, file);
    if (this.#agrees(host, file)) return 'host';
    if (host.ctimeMs > timeMs - SETTLED_MS) return 'unknown';
    if (this.#exactDevices.has(host.dev)) return 'foreign';
    const alias = this.#aliases.get(host.dev);
    return alias !== undefined && alias.agreed >= ALIAS_TRUSTED && alias.dev !== file.dev ? 'foreign' : 'unknown';
  }

  #agrees(host: HostFile, file: { readonly dev: string; readonly inode: string }): boolean {
    if (host.inode !== file.inode) return false;
    return (
      host.dev === file.dev || (!this.#exactDevices.has(host.dev) && this.#aliases.get(host.dev)?.dev === file.dev)
    );
  }

  #learn(host: HostFile, file: { readonly dev: string; readonly inode: string }): void {
    if (host.inode !== file.inode) return;
    if (host.dev === file.dev) {
      if (this.#exactDevices.size < DEVICES_MAX) this.#exactDevices.add(host.dev);
      return;
    }
    const alias = this.#aliases.get(host.dev);
    if (alias?.dev === file.dev) alias.agreed++;
    else if (alias === undefined && this.#aliases.size < DEVICES_MAX) {
      this.#aliases.set(host.dev, { dev: file.dev, agreed: 1 });
    } else if (alias !== undefined && --alias.agreed < 0) {
      this.#aliases.delete(host.dev);
    }
  }
}

/** CLONE_NEWNS. */
const NEW_MOUNTS = 0x20000;
const SETNS = new Set(['setns', '308', '268', '346', '375']);
const UNSHARE = new Set(['unshare', '272', '97', '310', '337']);

/**
 * What a namespace_entered event means for the process's paths, by its SYSCALL record: `mounts` where it has a mount namespace of its
 * own from now on (the root directory is still the same one), `entered` where it went to another one, `none` where paths mean what they
 * did. Without a readable record, the worst.
 */
export function namespaceEffect(
  record: { get(name: string): string | undefined } | undefined,
): 'mounts' | 'entered' | 'none' {
  const name = record?.get('SYSCALL')?.toLowerCase() ?? record?.get('syscall');
  const argument = (key: string): number => Number.parseInt(record?.get(key) ?? '', 16);
  if (name !== undefined && UNSHARE.has(name)) {
    const flags = argument('a0');
    return Number.isNaN(flags) || (flags & NEW_MOUNTS) !== 0 ? 'mounts' : 'none';
  }
  if (name !== undefined && SETNS.has(name)) {
    const type = argument('a1');
    return Number.isNaN(type) || type === 0 || (type & NEW_MOUNTS) !== 0 ? 'entered' : 'none';
  }
  return 'entered';
}

// Which package a file belongs to, and whether it's as the package has it, by the lists of the host's package manager. Who is root can
// change those lists too: an answer for the many changes that nobody hides.

import type { FilePackage, FileState, HashAlgorithm } from '../../core/event.ts';
import { Dpkg } from './dpkg.ts';
import type { Installed } from './installed.ts';
import { Rpm } from './rpm.ts';

/** How often the databases are looked at for a change. */
const LOOK_MS = 1_000;

interface PackageCounters {
  readonly packages: number;
  readonly files: number;
  /** What there was no room for, or what wasn't understood. */
  readonly refused: number;
}

export class PackageIndex {
  private readonly managers: readonly Installed[];
  private readonly note: (message: string) => void;
  private readonly noted = new Set<string>();
  private lookedMs = Number.NEGATIVE_INFINITY;
  private loading: Promise<void> | undefined;
  private isStopped = false;

  /** `root` is where the host's file system is. */
  constructor(options: { note(message: string): void; root?: string; managers?: readonly Installed[] }) {
    const root = options.root ?? '';
    this.note = options.note;
    this.managers = options.managers ?? [new Dpkg(root), new Rpm(root)];
  }

  /**
   * To be awaited before {@link digestFor} and {@link of}, which answer by what was read: undefined if that's all there is. Reads
   * what changed, in slices.
   */
  refresh(nowMs: number): Promise<void> | undefined {
    if (this.loading !== undefined || this.isStopped) return this.loading;
    if (nowMs - this.lookedMs < LOOK_MS) return undefined;
    this.lookedMs = nowMs;
    const changed = this.managers.filter(one => !one.isCurrent && one.isThere);
    if (changed.length === 0) return undefined;
    this.loading = this.load(changed).finally(() => {
      this.loading = undefined;
    });
    return this.loading;
  }

  /** The digest that says whether this file is its package's; undefined where it's in no package. */
  digestFor(path: string): HashAlgorithm | undefined {
    for (const one of this.managers) {
      const algorithm = one.digestFor(path);
      if (algorithm !== undefined) return algorithm;
    }
    return undefined;
  }

  /**
   * The package of the file that is in this state (undefined: it's gone). Undefined where it's in none, and where it can't be said: its
   * digest isn't known, or it isn't as the lists say while those are being written.
   */
  of(path: string, state: FileState | undefined): FilePackage | undefined {
    const isFile = state !== undefined && (state.type ?? 'file') === 'file';
    for (const one of this.managers) {
      const algorithm = one.digestFor(path);
      if (algorithm === undefined) continue;
      if (isFile && state.hashes?.[algorithm] === undefined) return undefined;
      const found = one.of(path, isFile ? state.hashes : undefined);
      return found?.state === 'changed' && !one.isCurrent ? undefined : found;
    }
    return undefined;
  }

  counters(): PackageCounters {
    const all = this.managers.map(one => one.counters());
    const sum = (of: (one: (typeof all)[number]) => number): number => all.reduce((total, one) => total + of(one), 0);
    return {
      packages: sum(one => one.packages),
      files: sum(one => one.files),
      refused: sum(one => one.refused),
    };
  }

  stop(): void {
    this.isStopped = true;
    for (const one of this.managers) one.stop();
  }

  private async load(changed: readonly Installed[]): Promise<void> {
    for (const one of changed) {
      const message = await one.load();
      if (message === undefined || this.noted.has(message) || this.isStopped) continue;
      this.noted.add(message);
      this.note(message);
    }
  }
}

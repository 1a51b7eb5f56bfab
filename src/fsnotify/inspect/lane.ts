// What waits to be looked at, oldest first: one entry a path, whoever asked for it. Pure.

import type { HashAlgorithm } from '../../core/event.ts';
import type { FileIdentity, Finding, Job } from './protocol.ts';

/** One who asked. */
export interface Want {
  readonly identity?: FileIdentity | undefined;
  readonly hashes?: readonly HashAlgorithm[] | undefined;
  readonly contentMaxBytes?: number | undefined;
  readonly done: (finding: Finding) => void;
}

export interface Entry {
  readonly path: string;
  readonly wants: Want[];
}

/** What all who asked for it want. */
export function jobOf({ path, wants }: Entry): Job {
  const expected = wants.flatMap(want => want.identity ?? []);
  const hashes = wants.flatMap(want => want.hashes ?? []);
  const bounds = wants.flatMap(want => want.contentMaxBytes ?? []);
  return {
    path,
    ...(expected.length === wants.length && { expected }),
    ...(hashes.length > 0 && { hashes }),
    ...(bounds.length > 0 && { contentMaxBytes: Math.max(...bounds) }),
  };
}

export class Lane {
  private readonly waiting = new Map<string, Entry>();
  /** Taken, and given back without having been looked at. */
  private returned: Entry[] = [];
  private wants = 0;

  /** How many answers are waited for. */
  get size(): number {
    return this.wants;
  }

  /** False where the path waits already, and one look answers both. */
  add(path: string, wants: readonly Want[]): boolean {
    this.wants += wants.length;
    const known = this.waiting.get(path);
    if (known === undefined) this.waiting.set(path, { path, wants: [...wants] });
    else known.wants.push(...wants);
    return known === undefined;
  }

  /** Those of a path, which no longer wait here. */
  remove(path: string): readonly Want[] {
    const wants = this.waiting.get(path)?.wants ?? [];
    this.waiting.delete(path);
    this.wants -= wants.length;
    return wants;
  }

  take(max: number): Entry[] {
    const taken = this.returned.splice(0, max);
    for (const entry of this.waiting.values()) {
      if (taken.length >= max) break;
      this.waiting.delete(entry.path);
      taken.push(entry);
    }
    for (const { wants } of taken) this.wants -= wants.length;
    return taken;
  }

  giveBack(entries: readonly Entry[]): void {
    this.returned = [...entries, ...this.returned];
    for (const { wants } of entries) this.wants += wants.length;
  }
}

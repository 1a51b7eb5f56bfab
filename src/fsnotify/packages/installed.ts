// What a package manager installed, whichever it is.

import type { FileHashes, FilePackage, HashAlgorithm } from '../../core/event.ts';

export interface Installed {
  readonly manager: FilePackage['manager'];
  /** This host has its database. */
  readonly isThere: boolean;
  /** Nothing changed since it was read. */
  readonly isCurrent: boolean;
  /** Reads what changed. What an administrator should know, if anything. Never fails. */
  load(): Promise<string | undefined>;
  digestFor(path: string): HashAlgorithm | undefined;
  /** `intact` if one of the hashes is the package's; no hashes: there's no such regular file any more. */
  of(path: string, hashes: FileHashes | undefined): FilePackage | undefined;
  counters(): { packages: number; files: number; refused: number };
  stop(): void;
}

// errno numbers and names. One table serves x86 and arm, which all use asm-generic's.

import { ERRNOS } from './data/errnos.ts';
import { lazyNames } from './names.ts';

const errnos = lazyNames(ERRNOS);

/** The name of a positive errno; synonyms (EWOULDBLOCK, ENOTSUP) give the usual one. */
export function errnoName(errno: number): string | undefined {
  return errnos.name(errno);
}

/** The errno of a name or synonym. */
export function errnoNumber(name: string): number | undefined {
  return errnos.number(name);
}

export function errnoNames(): Iterable<string> {
  return errnos.names();
}

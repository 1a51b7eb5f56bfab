// What a lint has to say of a rule that is valid. Pure.

import type { Range } from '../problem.ts';

export interface Finding {
  readonly code: string;
  readonly range: Range;
  readonly message: string;
  readonly help?: string;
}

const SHOWN_MAX_CHARS = 40;

/** A value as it is named in a message. */
export const quoted = (text: string): string =>
  `"${text.length > SHOWN_MAX_CHARS ? `${text.slice(0, SHOWN_MAX_CHARS)}…` : text}"`;

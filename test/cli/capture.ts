// What a command writes, for a test to look at.

import type { Io } from '../../src/cli/io.ts';

export interface Capture {
  readonly io: Io;
  /** All that was written so far. */
  readonly written: () => { readonly out: string; readonly err: string };
}

export function capture(more: Partial<Io> = {}): Capture {
  let out = '';
  let err = '';
  const io: Io = {
    env: {},
    out: text => {
      out += text;
    },
    err: text => {
      err += text;
    },
    errIsTerminal: false,
    ...more,
  };
  return { io, written: () => ({ out, err }) };
}

// What a command may touch of the process, so that it can be run in a test.

import { type ColorMode, createLog, type Log, type LogLevel } from '../log.ts';
import type { Arguments } from './args.ts';

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly errIsTerminal: boolean;
  /** The width of the terminal that `out` is; absent where it is none. */
  readonly outColumns?: number | undefined;
}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  readonly help: string;
  /** Gives the exit code. */
  readonly run: (argv: readonly string[], io: Io) => number | Promise<number>;
}

export function logFor(args: Arguments, io: Io, level: LogLevel = 'info'): Log {
  return createLog({
    level,
    quiet: args.flags.quiet === true,
    color: (args.flags.color as ColorMode | undefined) ?? 'auto',
    isTerminal: io.errIsTerminal,
    env: io.env,
    write: io.err,
    nowMs: () => Date.now(),
  });
}

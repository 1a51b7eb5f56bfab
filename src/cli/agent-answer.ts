// Asking the running agent for a command: finds its socket, and says what to do where nobody answers.

import os from 'node:os';
import { ask } from '../control/client.ts';
import { controlPaths } from '../control/path.ts';
import type { Request } from '../control/protocol.ts';
import { printable } from '../log.ts';
import type { Arguments } from './args.ts';
import { configuration } from './configuration.ts';
import type { Io } from './io.ts';

/** The answer, or the exit code of a command that has told why there is none. */
export async function agentAnswer<T>(
  args: Arguments,
  io: Io,
  request: Request,
  timeoutMs: number,
): Promise<{ readonly answer: T } | { readonly exitCode: number }> {
  const config = configuration(args, io, os.machine());
  if (config === undefined) return { exitCode: 2 };
  const paths = controlPaths(config.stateDir);
  const asked = await ask(paths, request, timeoutMs);
  // The agent is of this version, or says so: its answers are what its commands expect.
  if ('answer' in asked) return { answer: asked.answer as T };
  const fail = (message: string, exitCode: number): { readonly exitCode: number } => {
    io.err(`puppy-hids: ${printable(message)}\n`);
    return { exitCode };
  };
  if ('error' in asked) return fail(asked.error, 1);
  if ('denied' in asked)
    return fail(`not permitted: ${asked.denied} is root's alone. Run it as root: sudo puppy-hids …`, 3);
  return fail(
    `no agent answers at ${paths.join(' or ')}. Is it running ("pgrep -a puppy-hids")? If it was started with --config or another state_dir, give the same here`,
    1,
  );
}

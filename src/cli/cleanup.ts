// `cleanup`: puts the kernel's audit state back after an agent crashed.

import os from 'node:os';
import { join } from 'node:path';
import { readSavedState, removeSavedState, restoreKernel } from '../audit/saved-state.ts';
import { controlPaths } from '../control/path.ts';
import { removeDeadSockets } from '../control/server.ts';
import { AUDIT_STATE_FILE } from '../live-audit.ts';
import { missingCapabilities } from '../proc/listeners.ts';
import { liveFacts } from '../proc/live-facts.ts';
import { readArguments, UsageError } from './args.ts';
import { configuration } from './configuration.ts';
import { type Command, type Io, logFor } from './io.ts';

async function cleanup(argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(argv, {}, []);
  if (args.operands.length > 0) throw new UsageError(`unexpected "${args.operands[0]}"`);
  const config = configuration(args, io, os.machine());
  if (config === undefined) return 2;
  const log = logFor(args, io);
  const path = join(config.stateDir, AUDIT_STATE_FILE);
  const facts = liveFacts();
  let saved: ReturnType<typeof readSavedState>;
  try {
    saved = readSavedState(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    log.error(message);
    return code === 'EACCES' ? 3 : 1;
  }
  if (saved === undefined) {
    log.info(`nothing to do: no agent left a saved state (${path})`);
    return 0;
  }
  if (saved.bootId !== facts.boot()?.bootId) {
    removeSavedState(path);
    log.info('nothing to do: the saved state is from before the last boot');
    return 0;
  }
  if (facts.startTicks(saved.pid) === saved.startTicks) {
    log.error(`the agent with pid ${saved.pid} is running: stop it, and it restores the kernel itself`);
    return 1;
  }
  if (missingCapabilities(['AUDIT_CONTROL']).length > 0) {
    log.error('not permitted: CAP_AUDIT_CONTROL is missing. Run it as root: sudo ./puppy-hids cleanup');
    return 3;
  }
  await removeDeadSockets(controlPaths(config.stateDir));
  const { restored, failed } = restoreKernel(saved);
  log.info(restored.length > 0 ? `restored: ${restored.join(', ')}` : 'the kernel had nothing of the agent any more');
  for (const problem of failed) log.error(problem);
  if (failed.length > 0) return 1;
  removeSavedState(path);
  return 0;
}

export const cleanupCommand: Command = {
  summary: "put the kernel's audit state back after a crash",
  help: `puppy-hids cleanup [--config FILE]

Deletes the kernel rules of an agent that was killed and sets back what it changed (enabled, backlog, failure, …), where nobody
changed it since. Reads what to do from the state folder. The next start does the same.
`,
  run: cleanup,
};

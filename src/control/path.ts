// Where an agent's control socket is. Pure: the agent and those who look for it come to the same answer from the configuration.

import { join } from 'node:path';
import { schemaAt } from '../config/schema.ts';

const RUN_SOCKET = '/run/puppy-hids/control.sock';
const NAME = 'control.sock';

/** In order of preference: below /run, which a boot empties; an agent whose `state_dir` is its own has its socket there. */
export function controlPaths(stateDir: string): readonly string[] {
  const inState = join(stateDir, NAME);
  return stateDir === schemaAt(['state_dir'])?.default ? [RUN_SOCKET, inState] : [inState];
}

// exit_group: the end of a process by its own will. A death by signal has no record.

import type { ExitObservation } from '../../core/observation.ts';
import type { Draft, Facts } from './facts.ts';

export function exit(facts: Facts): ExitObservation | undefined {
  const task = facts.task();
  if (task === undefined) return undefined;
  const status = facts.hex32('a0');
  const observation: Draft<ExitObservation> = { kind: 'exit', task, ...facts.base() };
  if (status !== undefined) observation.exitCode = status & 0xff;
  return observation;
}

// `reload`: has the running agent read its rules and configuration again, and waits for what comes of it.

import { printable } from '../log.ts';
import type { RuleName } from '../reload.ts';
import type { ReloadAnswer } from '../reloads.ts';
import { agentAnswer } from './agent-answer.ts';
import { readArguments, UsageError } from './args.ts';
import type { Command, Io } from './io.ts';

/** Thousands of rules, beside a storm of events. */
const TIMEOUT_MS = 120_000;
/** Rules that are named of each sort of change. */
const NAMED_MAX = 20;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(argv, {}, []);
  if (args.operands.length > 0) throw new UsageError(`unexpected "${args.operands[0]}"`);
  const asked = await agentAnswer<ReloadAnswer>(args, io, 'reload', TIMEOUT_MS);
  if ('exitCode' in asked) return asked.exitCode;
  const { answer } = asked;
  for (const problem of answer.problems) io.err(`${printable(problem)}\n\n`);
  if (answer.errors > answer.problems.length) {
    io.err(`and ${answer.errors - answer.problems.length} more mistakes: "puppy-hids check" shows all\n`);
  }
  for (const note of answer.notes) io.err(`${printable(note)}\n`);
  if (!answer.loaded) {
    io.err(`puppy-hids: not reloaded: ${printable(answer.message)}\n`);
    return 2;
  }
  io.out(printable(summary(answer)));
  return 0;
}

function summary({ message, canFire, changes, errors, taken, restart }: ReloadAnswer): string {
  const lines = [`${message}; ${canFire} can fire`];
  for (const [word, rules] of Object.entries(changes ?? {}) as [string, readonly RuleName[]][]) {
    for (const { title, id } of rules.slice(0, NAMED_MAX)) lines.push(`  ${word.padEnd(7)}  ${title} (${id})`);
    if (rules.length > NAMED_MAX) lines.push(`  ${word.padEnd(7)}  and ${rules.length - NAMED_MAX} more`);
  }
  if (errors > 0) lines.push(`${errors} mistakes, which stood before already: what is wrong is left out as before`);
  if (taken.length > 0) lines.push(`settings that changed: ${taken.join(', ')}`);
  if (restart.length > 0) lines.push(`settings that changed, but need a restart: ${restart.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

export const reloadCommand: Command = {
  summary: 'have the running agent read its rules and configuration again',
  help: `puppy-hids reload [--config FILE]

Waits for the result and prints what changed. The new rules take the place of the old between two events, all at once: nothing is
lost, and state of unchanged rules stays. If a file is wrong, every mistake is told and the rules that run go on, all of them. A
mistake that the agent started with (and left out) keeps nothing else from being loaded. SIGHUP does the same.

Of the configuration are taken over: rules, min_level (of outputs too), tuning, strict, audit.rules, heartbeat, limits.memory. For
anything else that changed, a restart is asked for.

The agent is found by its socket: /run/puppy-hids/control.sock, or control.sock in the state_dir of the configuration; give the
--config that the agent was started with.
Exit codes: 0 reloaded; 1 no agent, or it failed; 2 rules or configuration are wrong; 3 not permitted.
`,
  run,
};

// `rules list|…`: what there is to know about rules.

import { UsageError } from './args.ts';
import type { Command, Io } from './io.ts';
import { RULES_LIST_HELP, rulesList } from './rules-list.ts';

const COMMANDS: Readonly<Record<string, (argv: readonly string[], io: Io) => number | Promise<number>>> = {
  list: rulesList,
};

async function run(argv: readonly string[], io: Io): Promise<number> {
  const [name = '', ...rest] = argv;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw new UsageError(`rules: one of ${Object.keys(COMMANDS).join(', ')} is expected`);
  return await command(rest, io);
}

export const rulesCommand: Command = {
  summary: 'rules list: what is loaded, and whether it can fire',
  help: RULES_LIST_HELP,
  run,
};

// `rules list|fields|import`: what there is to know about rules, and rules of before.

import { UsageError } from './args.ts';
import type { Command, Io } from './io.ts';
import { RULES_FIELDS_HELP, rulesFields } from './rules-fields.ts';
import { RULES_IMPORT_HELP, rulesImport } from './rules-import.ts';
import { RULES_LIST_HELP, rulesList } from './rules-list.ts';

const COMMANDS: Readonly<Record<string, (argv: readonly string[], io: Io) => number | Promise<number>>> = {
  list: rulesList,
  fields: rulesFields,
  import: rulesImport,
};

async function run(argv: readonly string[], io: Io): Promise<number> {
  const [name = '', ...rest] = argv;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw new UsageError(`rules: one of ${Object.keys(COMMANDS).join(', ')} is expected`);
  return await command(rest, io);
}

export const rulesCommand: Command = {
  summary:
    'list: what is loaded, and whether it can fire; fields: the names that rules may use; import: rules of the Go demo',
  help: [RULES_LIST_HELP, RULES_FIELDS_HELP, RULES_IMPORT_HELP].join('\n'),
  run,
};

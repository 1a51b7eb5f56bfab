// The configuration of a command: file, environment and flags, with every mistake told.

import { parseRule } from '../audit/kernel-rules/parse.ts';
import type { Config } from '../config/config.ts';
import { formatProblem, type Loaded, loadConfig } from '../config/load.ts';
import { hostRuleContext } from '../host-context.ts';
import type { Arguments } from './args.ts';
import type { Io } from './io.ts';

/** Undefined where something is wrong: it was told. */
export function configuration(args: Arguments, io: Io, architecture: string): Config | undefined {
  const loaded = readConfiguration(args, io, architecture);
  for (const problem of loaded.problems) io.err(`${formatProblem(problem)}\n`);
  return loaded.config;
}

export function readConfiguration(args: Arguments, io: Pick<Io, 'env'>, architecture: string): Loaded {
  const context = hostRuleContext(architecture);
  const file = args.flags.config;
  return loadConfig({
    ...(typeof file === 'string' && { file }),
    env: io.env,
    flags: args.settings,
    checkAuditRule: text => {
      const parsed = parseRule(text, context);
      if ('error' in parsed) return parsed.error;
      if (parsed.ok.kind === 'add') return undefined;
      return { column: 1, length: text.length, message: 'a rule to add is expected: -a LIST,ACTION … or -w PATH …' };
    },
  });
}

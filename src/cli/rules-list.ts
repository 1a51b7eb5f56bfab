// `rules list`: each rule with its source, whether it can fire, and what it needs of the kernel; of files or of the running agent.

import os from 'node:os';
import { enabledSources } from '../config/config.ts';
import { hostRuleContext } from '../host-context.ts';
import { printable } from '../log.ts';
import { type RuleRow, ruleRows } from '../rule-rows.ts';
import { loadRuleset } from '../rules-loading.ts';
import { agentAnswer } from './agent-answer.ts';
import { type Arguments, choice, readArguments, UsageError } from './args.ts';
import { configuration } from './configuration.ts';
import type { Io } from './io.ts';
import { type Column, table, tabSeparated } from './table.ts';

const FORMATS = ['table', 'tsv', 'json'] as const;
const TIMEOUT_MS = 30_000;

interface Listed {
  readonly rows: readonly RuleRow[];
  readonly exitCode: number;
}

export async function rulesList(argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(argv, { running: { type: 'boolean' }, format: { type: 'string' } }, ['rules']);
  const format = choice(args, 'format', FORMATS) ?? (io.outColumns === undefined ? 'tsv' : 'table');
  const paths = [...((args.settings.rules ?? []) as readonly string[]), ...args.operands];
  const isRunning = args.flags.running === true;
  if (isRunning && paths.length > 0) {
    throw new UsageError('--running lists the rules of the running agent: no --rules with it');
  }
  const listed = isRunning ? await ofAgent(args, io) : ofFiles(args, paths, io);
  if ('failed' in listed) return listed.failed;
  io.out(written(listed.rows, format, io.outColumns ?? 120));
  return listed.exitCode;
}

async function ofAgent(args: Arguments, io: Io): Promise<Listed | { readonly failed: number }> {
  const asked = await agentAnswer<readonly RuleRow[]>(args, io, 'rules', TIMEOUT_MS);
  return 'answer' in asked ? { rows: asked.answer, exitCode: 0 } : { failed: asked.exitCode };
}

function ofFiles(args: Arguments, given: readonly string[], io: Io): Listed | { readonly failed: number } {
  const config = configuration({ ...args, settings: {} }, io, os.machine());
  if (config === undefined) return { failed: 2 };
  const loaded = loadRuleset(given.length > 0 ? given : config.rules, config.tuning, enabledSources(config));
  const errors = loaded.problems.filter(problem => problem.severity === 'error').length;
  if (errors > 0) {
    io.err(`puppy-hids: ${errors} mistakes in rules, which are left out: "puppy-hids check" shows them\n`);
  }
  return { rows: ruleRows(loaded, hostRuleContext(os.machine())), exitCode: errors > 0 ? 2 : 0 };
}

const COLUMNS: readonly Column<RuleRow>[] = [
  { name: 'title', value: row => row.title, least: 24 },
  { name: 'level', value: row => row.level },
  { name: 'fires', value: fires, least: 12 },
  { name: 'fired', value: row => String(row.fired ?? ''), right: true },
  { name: 'logsource', value: row => row.logsource, least: 12 },
  {
    name: 'kernel rules',
    value: row => row.kernelRules.join('; '),
    short: row => String(row.kernelRules.length),
    right: true,
  },
  { name: 'source', value: row => `${row.file}:${row.line}`, least: 20 },
  { name: 'id', value: row => row.id },
  { name: 'notes', value: row => row.notes.join('; '), least: 20 },
];

function fires({ canFire, reason, kernelRules, notes }: RuleRow): string {
  if (!canFire) return `no: ${reason ?? ''}`;
  return kernelRules.length === 0 && notes.length > 0 ? `with rules of the host: ${notes[0]}` : 'yes';
}

function written(rows: readonly RuleRow[], format: string, width: number): string {
  if (format === 'json') return `${JSON.stringify(rows, null, 2)}\n`;
  const columns = COLUMNS.filter(({ name }) => name !== 'fired' || rows.some(row => row.fired !== undefined));
  if (format === 'tsv') return tabSeparated(columns, rows);
  const dead = rows.filter(row => !row.canFire).length;
  const total = `${rows.length} rules${dead > 0 ? `, ${dead} can't fire` : ''}\n`;
  return rows.length === 0 ? total : `${table(columns, rows, width)}${printable(total)}`;
}

export const RULES_LIST_HELP = `puppy-hids rules list [--rules PATH]... [--running] [--format table|tsv|json]

Lists rules: title, level, whether they can fire here and why not, logsource, the kernel rules they need, file and line, id. Without
--rules those that "run" would load. --running asks the running agent instead, and shows how often each fired since its start (give
the --config that it was started with). A table on a terminal, tab-separated otherwise.
Exit codes: 0 done; 1 no agent; 2 some rules are wrong, and left out; 3 not permitted.
`;

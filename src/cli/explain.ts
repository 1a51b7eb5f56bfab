// `explain`: why an alert was made, and how to silence it.

import os from 'node:os';
import { type Json, toJson } from '../output/ecs/json.ts';
import type { Reader } from '../output/ecs/reader.ts';
import { formatProblem } from '../rules/problem.ts';
import { loadRulesFrom, rulePaths } from '../rules-loading.ts';
import { choice, readArguments, UsageError } from './args.ts';
import { configuration } from './configuration.ts';
import { type Explanation, explanationOf } from './explain/explanation.ts';
import { BadLines, type FoundLine, linesWith } from './explain/lines.ts';
import { explanationText } from './explain/text.ts';
import { type Command, type Io, logFor } from './io.ts';

async function explain(argv: readonly string[], io: Io): Promise<number> {
  const own = { input: { type: 'string', multiple: true }, format: { type: 'string' } } as const;
  const args = readArguments(argv, own, ['rules']);
  const [id] = args.operands;
  if (id === undefined || args.operands.length > 1)
    throw new UsageError('which alert? Its event.id, or - for the first one on standard input');
  const format = choice(args, 'format', ['text', 'json', 'filter']) ?? 'text';
  const inputs = (args.flags.input as readonly string[] | undefined) ?? ['-'];
  if (id === '-' && args.flags.input !== undefined)
    throw new UsageError('with --input the alert is named by its event.id; - takes it from standard input');
  if (inputs.includes('-') && process.stdin.isTTY === true)
    throw new UsageError('where is the alert? --input names a file of what the agent wrote');
  const config = configuration(args, io, os.machine());
  if (config === undefined) return 2;
  const log = logFor(args, io, config.logLevel);
  const bad = new BadLines(message => log.warning(message));
  let events: ReadonlyMap<string, string> = new Map();
  let explanation: Explanation;
  try {
    const alert = await findAlert(id, inputs, bad);
    if (alert === undefined) {
      bad.end();
      log.error(id === '-' ? 'no alert on standard input' : `no alert ${id} in ${inputs.map(nameOf).join(', ')}`);
      return 1;
    }
    const loaded = loadRulesFrom(rulePaths(config.rules));
    for (const problem of loaded.problems) if (problem.severity === 'error') io.err(`${formatProblem(problem)}\n`);
    explanation = explanationOf(alert.json, alert.line, loaded);
    const ids = explanation.correlation?.events ?? [];
    if (ids.length > 0 && !inputs.includes('-')) events = await contributing(ids, inputs, bad);
  } catch (error) {
    log.error((error as Error).message);
    return 1;
  }
  bad.end();
  if (!explanation.rule.isLoaded) {
    log.warning(`the rule ${explanation.rule.id} is not among those that are loaded; --rules names where it is`);
  }
  if (format === 'filter') return filterOnly(explanation, io, message => log.error(message));
  if (format === 'text') io.out(explanationText(explanation, events));
  else io.out(`${toJson({ ...explanation, events: Object.fromEntries(events) } as unknown as Json)}\n`);
  return 0;
}

const nameOf = (input: string): string => (input === '-' ? 'standard input' : input);

function filterOnly({ filter }: Explanation, io: Io, tell: (message: string) => void): number {
  for (const note of filter.notes) tell(note);
  if (filter.text === undefined) return 1;
  io.out(filter.text);
  return 0;
}

/** The first line that is the alert. */
async function findAlert(id: string, inputs: readonly string[], bad: BadLines): Promise<FoundLine | undefined> {
  const alertsOfIt: string[] = [];
  for (const input of inputs) {
    for await (const found of linesWith(input, id === '-' ? undefined : [id], bad)) {
      const { line } = found;
      const isAlert = line.text('event.kind') === 'alert';
      if (id === '-' ? isAlert : line.text('event.id') === id) {
        if (isAlert) return found;
        throw new Error(`${nameOf(input)}:${found.number}: ${id} is an event, and no alert`);
      }
      if (isAlert && line.text('puppy.event.id') === id) alertsOfIt.push(line.text('event.id') ?? '');
    }
  }
  if (alertsOfIt.length > 0) throw new Error(`${id} is an event; its alerts are ${alertsOfIt.join(', ')}`);
  return undefined;
}

/** One line of each of the events, from the event itself or an alert of it. */
async function contributing(
  ids: readonly string[],
  inputs: readonly string[],
  bad: BadLines,
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Set(ids);
  const found = new Map<string, string>();
  for (const input of inputs) {
    for await (const { line } of linesWith(input, ids, bad)) {
      const isAlert = line.text('event.kind') === 'alert';
      const id = line.text(isAlert ? 'puppy.event.id' : 'event.id') ?? '';
      // The correlation's own alert is written with its last event: it says nothing of it.
      if (!wanted.has(id) || (isAlert && (found.has(id) || line.at('puppy.correlation').isObject))) continue;
      found.set(id, oneLine(line));
    }
  }
  return found;
}

function oneLine(line: Reader): string {
  const what =
    line.text('message') ??
    line.text('event.original') ??
    line.text('process.command_line') ??
    line.text('event.action');
  return `${line.text('@timestamp') ?? ''} ${what ?? ''}`;
}

export const explainCommand: Command = {
  summary: 'why an alert was made, and a filter to silence it',
  help: `puppy-hids explain ALERT_ID|- [--input FILE]... [--rules PATH]... [--format text|json|filter]

Shows the evidence of an alert: each part of the rule's condition with the value that decided, what was tried in its filters, the
processes up to the login, what was lost around its time, and a Sigma filter that silences exactly this.

  ALERT_ID           the alert's event.id; - takes the first alert on standard input
  --input FILE       lines that the agent wrote, plain or gzip; repeatable (default: standard input)
  --rules PATH       where the rule is, as for run; repeatable
  --format FORMAT    text, json, or filter for the filter alone, to be written into a file beside the rules

Exit codes: 0 explained; 1 there is no such alert; 2 wrong use.
`,
  run: explain,
};

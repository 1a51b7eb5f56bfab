// `rules import`: the Go demo's rule documents as Sigma rules.

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../log.ts';
import { type ConvertedRule, convertDemoRule } from '../rules/import/demo-convert.ts';
import { NotConverted } from '../rules/import/demo-terms.ts';
import { readJsonDocuments } from '../rules/import/json-documents.ts';
import { parseRules } from '../rules/parse.ts';
import { yamlText } from '../rules/yaml-text.ts';
import { readArguments, UsageError } from './args.ts';
import { fileMistake } from './inputs.ts';
import type { Io } from './io.ts';

const INPUT_MAX_BYTES = 64 << 20;

interface Written {
  readonly rule: ConvertedRule;
  readonly text: string;
  readonly line: number;
}

export function rulesImport(argv: readonly string[], io: Io): number {
  const args = readArguments(argv, { output: { type: 'string' } }, []);
  const [input] = args.operands;
  if (input === undefined || args.operands.length > 1) {
    throw new UsageError('which documents? A file of JSON, or - for standard input');
  }
  const name = input === '-' ? 'standard input' : input;
  let text: string;
  try {
    text = readInput(input);
  } catch (error) {
    throw new UsageError(`${name}: ${fileMistake(error)}`);
  }
  const tell = (line: number, message: string): void => io.err(`${printable(`${name}:${line}: ${message}`)}\n`);
  const { documents, problems } = readJsonDocuments(text);
  for (const { line, message } of problems) tell(line, message);
  const written: Written[] = [];
  let left = 0;
  const lines = new Map<string, number>();
  for (const { line, value } of documents) {
    try {
      for (const rule of convertDemoRule(value)) {
        const first = lines.get(rule.id);
        if (first !== undefined) throw new NotConverted(`the same rule as that of line ${first}`, true);
        lines.set(rule.id, line);
        written.push({ rule, line, text: checked(rule) });
        for (const note of rule.notes) tell(line, `note: "${rule.title}": ${note}`);
      }
    } catch (error) {
      if (!(error instanceof NotConverted)) throw error;
      if (!error.isOff) left++;
      tell(line, `not converted: ${titleOf(value)}${error.message}`);
    }
  }
  const output = args.flags.output;
  if (typeof output === 'string') left += writeFiles(written, output, io);
  else io.out(written.map(one => one.text).join('---\n'));
  io.err(`${documents.length} documents, ${written.length} rules, ${left} not converted\n`);
  if (problems.length > 0) return 2;
  return left > 0 ? 1 : 0;
}

function readInput(input: string): string {
  if (input !== '-' && statSync(input).size > INPUT_MAX_BYTES) throw new Error(`more than ${INPUT_MAX_BYTES} bytes`);
  return readFileSync(input === '-' ? 0 : input, 'utf8');
}

function titleOf({ meta }: Readonly<Record<string, unknown>>): string {
  const name = typeof meta === 'object' && meta !== null && 'name' in meta ? meta.name : undefined;
  return typeof name === 'string' ? `"${name.slice(0, 100)}": ` : '';
}

/** As YAML, which the rule parser takes: what it refuses of a pattern, it says. */
function checked(rule: ConvertedRule): string {
  const text = yamlText(rule.document, rule.notes);
  const error = parseRules('converted', text).problems.find(problem => problem.severity === 'error');
  if (error !== undefined) throw new NotConverted(error.message);
  return text;
}

/** One file each; the number of those that couldn't be written. */
function writeFiles(written: readonly Written[], folder: string, io: Io): number {
  let failed = 0;
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(`${folder}: ${(error as NodeJS.ErrnoException).code}`);
  }
  for (const { rule, text } of written) {
    const words =
      rule.title
        .toLowerCase()
        .match(/[a-z0-9]+/g)
        ?.join('_')
        .slice(0, 50) ?? 'rule';
    const path = join(folder, `${words}_${rule.id.slice(0, 8)}.yml`);
    try {
      writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
    } catch (error) {
      failed++;
      const { code } = error as NodeJS.ErrnoException;
      io.err(`${printable(`${path}: ${code === 'EEXIST' ? 'is there already, and stays as it is' : code}`)}\n`);
    }
  }
  return failed;
}

export const RULES_IMPORT_HELP = `puppy-hids rules import [--output DIR] FILE|-

Converts rule documents of the Go demo (JSON, comments allowed: one, an array, or one after another) to Sigma rules on standard output,
or to a file each in DIR; a file that is there stays as it is. What can't be converted is told with the reason.
Exit codes: 0 all converted; 1 some were not; 2 the input is no JSON, or can't be read.
`;

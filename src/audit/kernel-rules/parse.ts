// Rules as auditctl(8) takes them, one a line, to statements. Never throws for a text, however odd: a mistake is a value with its place.
// What auditctl lets pass and the kernel would refuse with a bare EINVAL is told here. Pure: users, groups and the file system are the
// context's.

import {
  addComparison,
  addField,
  addSyscalls,
  type Draft,
  finish,
  setPermissions,
  startRule,
  startWatch,
} from './draft.ts';
import { fail, type RuleError, RuleFailure } from './failure.ts';
import { type Option, parseOptions } from './options.ts';
import type { Control, RuleContext, Statement } from './rule.ts';
import { type Token, tokenize } from './tokens.ts';
import { parseNumber } from './values.ts';

export type Parsed = { readonly ok: Statement } | { readonly error: RuleError };

interface FileError extends RuleError {
  /** From 1. */
  readonly line: number;
}

export interface ParsedFile {
  readonly statements: readonly { readonly line: number; readonly statement: Statement }[];
  /** The first mistake of each line that has one. */
  readonly errors: readonly FileError[];
}

/** A rule of the greatest length (64 fields, paths of 4 KiB) is longer; nothing sensible is. */
const MAX_LINE = 64 * 1024;

/** Parses one line. `text` may start with `auditctl`. */
export function parseRule(text: string, context: RuleContext): Parsed {
  if (text.length > MAX_LINE) return error(1, `the line is longer than ${MAX_LINE} characters`);
  const tokens = tokenize(text);
  if ('error' in tokens) return error(tokens.error.column, tokens.error.message);
  const words = tokens.ok[0]?.text === 'auditctl' ? tokens.ok.slice(1) : tokens.ok;
  if (words.length === 0 || words[0]!.text.startsWith('#')) return error(1, 'a rule was expected');
  try {
    return { ok: build(parseOptions(words), context) };
  } catch (failure) {
    if (!(failure instanceof RuleFailure)) throw failure;
    return error(failure.at.column, failure.message, failure.at.length);
  }
}

/** Parses a rules file: a statement a line, blank lines and lines that start with `#` are skipped. */
export function parseRulesFile(text: string, context: RuleContext): ParsedFile {
  const statements: { line: number; statement: Statement }[] = [];
  const errors: FileError[] = [];
  text.split('\n').forEach((raw, i) => {
    const line = i + 1;
    if (/^[ \t\r]*(?:#|$)/.test(raw)) return;
    const parsed = parseRule(raw, context);
    if ('ok' in parsed) statements.push({ line, statement: parsed.ok });
    else errors.push({ line, ...parsed.error });
  });
  return { statements, errors };
}

function error(column: number, message: string, length = 1): Parsed {
  return { error: { column, length: Math.max(1, length), message } };
}

function build(options: readonly Option[], context: RuleContext): Statement {
  if (options.some(option => option.name === '-D')) return { kind: 'control', controls: [deleteAll(options)] };
  let draft: Draft | undefined;
  const controls: Control[] = [];
  for (const option of options) {
    const { name, value } = option;
    const control = controlOf(option);
    if (control !== undefined) {
      if (draft !== undefined) fail(option, `${name} is a setting and has a line of its own`);
      controls.push(control);
      continue;
    }
    if (controls.length > 0) fail(option, `${name} belongs to a rule; the settings before it have a line of their own`);
    if (value === undefined) fail(option, `${name} can't stand here`);
    if (/^-[aAdwW]$/.test(name)) {
      if (draft !== undefined) fail(option, 'one rule a line: there already is a list or a watch');
      draft = /^-[wW]$/.test(name) ? startWatch(option, value, context) : startRule(option, value);
    } else if (draft === undefined) {
      fail(option, `${name} needs a list or a watch before it: -a exit,always or -w PATH`);
    } else {
      addOption(draft, option, value, context);
    }
  }
  if (draft === undefined) return { kind: 'control', controls };
  return { kind: draft.kind, rule: finish(draft) };
}

function addOption(draft: Draft, option: Option, value: Token, context: RuleContext): void {
  switch (option.name) {
    case '-S':
      addSyscalls(draft, option, value, context);
      break;
    case '-F':
      addField(draft, value, context);
      break;
    case '-C':
      addComparison(draft, value);
      break;
    case '-p':
      setPermissions(draft, option, value);
      break;
    default:
      draft.keys.push(value);
  }
}

function deleteAll(options: readonly Option[]): Control {
  const other = options.find(option => option.name !== '-D' && option.name !== '-k');
  if (other !== undefined) fail(other, '-D takes only -k');
  const [key, second] = options.filter(option => option.name === '-k');
  if (second !== undefined) fail(second, '-D takes only one key');
  return key?.value === undefined ? { name: 'delete_all' } : { name: 'delete_all', key: key.value.text };
}

function controlOf(option: Option): Control | undefined {
  switch (option.name) {
    case '-e':
      return { name: 'enabled', value: level(option) };
    case '-f':
      return { name: 'failure', value: level(option) };
    case '-r':
      return { name: 'rate_limit', value: amount(option) };
    case '-b':
      return { name: 'backlog_limit', value: amount(option) };
    case '--backlog_wait_time':
      return { name: 'backlog_wait_time', value: amount(option) };
    case '-i':
      return { name: 'ignore_errors' };
    case '-c':
      return { name: 'continue' };
    case '--loginuid-immutable':
      return { name: 'loginuid_immutable' };
    case '--reset-lost':
      return { name: 'reset_lost' };
    case '--reset_backlog_wait_time_actual':
      return { name: 'reset_backlog_wait_time_actual' };
    default:
      return undefined;
  }
}

function level(option: Option): 0 | 1 | 2 {
  switch (option.value?.text) {
    case '0':
      return 0;
    case '1':
      return 1;
    case '2':
      return 2;
    default:
      fail(option.value ?? option, `${option.name} takes 0, 1 or 2`);
  }
}

function amount(option: Option): number {
  const text = option.value?.text ?? '';
  const n = text.startsWith('-') ? undefined : parseNumber(text);
  return n ?? fail(option.value ?? option, `${option.name} takes a number of 32 bits that isn't negative`);
}

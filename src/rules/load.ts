// The edge between rule files and the rules stage: finds and reads files. Everything that is wrong with any of them is a problem,
// told with all others; nothing here throws.

import { readdirSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Correlation, Rule } from './ast.ts';
import { lintRule, withoutDuplicates } from './lint.ts';
import { type ParsedRule, parseRules } from './parse.ts';
import { fileProblem, type Problem, type SourceText } from './problem.ts';

export interface LoadedRules {
  readonly rules: readonly Rule[];
  /** Each behind those that it refers to. */
  readonly correlations: readonly Correlation[];
  /** Sorted by place within each file, files in order of loading. */
  readonly problems: readonly Problem[];
  /** Files that were read. */
  readonly files: number;
  /** Rules (or whole files) left out because of an error. */
  readonly rejected: number;
  /** The place of a range in the rule's file. */
  readonly placeOf: (rule: Rule | Correlation, offset: number) => { readonly line: number; readonly column: number };
  /** Where the rule stands in its file. */
  readonly lineOf: (rule: Rule | Correlation) => number;
}

const FILE_MAX_BYTES = 1 << 20;
const FILES_MAX = 20_000;
const DEPTH_MAX = 32;
const RULE_FILE = /\.ya?ml$/i;
const LISTS_FOLDER = 'lists';

/** A file that isn't on the disk: of the pack inside the program. */
export interface RuleText {
  readonly file: string;
  readonly text: string;
}

/** Rules of the files below `paths`, then of `texts`. */
export function loadRules(paths: readonly string[], texts: readonly RuleText[] = []): LoadedRules {
  const steps = loadRulesInSteps(paths, texts);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** As {@link loadRules}, a step for each file: who has something else to do meanwhile does it between two steps. */
export function* loadRulesInSteps(
  paths: readonly string[],
  texts: readonly RuleText[] = [],
): Generator<undefined, LoadedRules> {
  const finder = new Finder();
  for (const path of paths) finder.addRoot(path);
  const problems: Problem[] = [...finder.problems];
  const parsed: ParsedRule[] = [];
  let rejected = 0;
  let files = 0;
  const inside = new Map(texts.map(({ file, text }) => [file, text]));
  const all = [...finder.files, ...inside.keys()];
  for (const file of all) {
    yield;
    const text = inside.get(file) ?? readRuleFile(file);
    if (typeof text !== 'string') {
      problems.push(text);
      rejected++;
      continue;
    }
    files++;
    const result = parseRules(file, text);
    parsed.push(...result.rules);
    rejected += result.rejected;
    problems.push(...result.problems);
  }
  const unique = withoutDuplicates(parsed);
  rejected += parsed.length - unique.rules.length;
  problems.push(...unique.problems, ...unique.rules.flatMap(lintRule));
  const sources = new Map<Rule | Correlation, SourceText>(unique.rules.map(({ rule, source }) => [rule, source]));
  const lines = new Map<Rule | Correlation, number>(
    unique.rules.map(({ rule, source, idRange }) => [rule, source.position(idRange[0]).line]),
  );
  return {
    rules: unique.rules.map(({ rule }) => rule),
    correlations: [],
    problems: sorted(problems, all),
    files,
    rejected,
    placeOf: (rule, offset) => sources.get(rule)!.position(offset),
    lineOf: rule => lines.get(rule)!,
  };
}

function sorted(problems: readonly Problem[], files: readonly string[]): Problem[] {
  const order = new Map(files.map((file, i) => [file, i]));
  const rank = (problem: Problem): number => order.get(problem.file) ?? -1;
  return [...problems].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
}

const messageOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

function readRuleFile(file: string): string | Problem {
  try {
    const { size } = statSync(file);
    if (size > FILE_MAX_BYTES) {
      return fileProblem(
        'error',
        'file-too-large',
        file,
        `the file has ${size} bytes; at most ${FILE_MAX_BYTES} are read`,
      );
    }
    const bytes = readFileSync(file);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return fileProblem('error', 'not-utf8', file, 'the file is not UTF-8 text');
    return fileProblem('error', 'unreadable', file, `the file can't be read: ${messageOf(error)}`);
  }
}

/** Finds rule files below the given paths: sorted, each once, never round a circle of symbolic links. */
class Finder {
  readonly files: string[] = [];
  readonly problems: Problem[] = [];
  readonly #seen = new Set<string>();

  addRoot(path: string): void {
    const stat = this.#stat(path, 'no such rule file or directory');
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      this.#warnIfWritable(path, stat);
      this.#directory(path, 0);
    } else if (stat.isFile()) this.#file(path, stat);
    else this.problems.push(fileProblem('error', 'unreadable', path, 'neither a file nor a directory'));
  }

  #stat(path: string, missing: string): Stats | undefined {
    try {
      return statSync(path);
    } catch (error) {
      const code = messageOf(error);
      this.problems.push(
        fileProblem('error', 'unreadable', path, code === 'ENOENT' ? missing : `can't be read: ${code}`),
      );
      return undefined;
    }
  }

  /** True the first time that the file or directory is met, by whatever name. */
  #isNew(path: string): boolean {
    let real = path;
    try {
      real = realpathSync(path);
    } catch {
      // Told when it is read.
    }
    if (this.#seen.has(real)) return false;
    this.#seen.add(real);
    return true;
  }

  #file(path: string, stat: Stats): void {
    if (!this.#isNew(path)) return;
    if (this.files.length === FILES_MAX) {
      this.problems.push(
        fileProblem('error', 'too-many-files', path, `more than ${FILES_MAX} rule files; the rest is not read`),
      );
    }
    if (this.files.length >= FILES_MAX) return;
    this.#warnIfWritable(path, stat);
    this.files.push(path);
  }

  #directory(path: string, depth: number): void {
    if (!this.#isNew(path)) return;
    if (depth > DEPTH_MAX) {
      this.problems.push(fileProblem('error', 'too-deep', path, 'directories are nested too deeply'));
      return;
    }
    let names: string[];
    try {
      names = readdirSync(path).sort();
    } catch (error) {
      this.problems.push(fileProblem('error', 'unreadable', path, `the directory can't be read: ${messageOf(error)}`));
      return;
    }
    for (const name of names) {
      const child = join(path, name);
      const stat = this.#stat(child, 'a symbolic link to nothing');
      if (stat?.isDirectory() && name !== LISTS_FOLDER && !name.startsWith('.')) this.#directory(child, depth + 1);
      else if (stat?.isFile() && RULE_FILE.test(name)) this.#file(child, stat);
    }
  }

  /** Who can write a rule can blind the agent. */
  #warnIfWritable(path: string, stat: Stats): void {
    const isOthers = stat.uid !== 0 && process.getuid?.() === 0;
    const isWritable = (stat.mode & 0o002) !== 0 || ((stat.mode & 0o020) !== 0 && stat.gid !== 0);
    if (!isOthers && !isWritable) return;
    const who = isOthers ? `its owner (uid ${stat.uid})` : 'its group or others';
    this.problems.push(fileProblem('warning', 'insecure-path', path, `${who} can write it, not root alone`));
  }
}

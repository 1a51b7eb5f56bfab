// The edge between rule files and the rules stage: finds and reads files. Everything that is wrong with any of them is a problem,
// told with all others; nothing here throws.

import { readdirSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Correlation, Rule } from './ast.ts';
import { joinInSteps } from './join.ts';
import { Lists } from './lists.ts';
import { type ParsedFile, parseRules } from './parse.ts';
import { fileProblem, type Problem } from './problem.ts';
import { allAtOnce, type Steps } from './steps.ts';

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
  return allAtOnce(loadRulesInSteps(paths, texts));
}

/** As {@link loadRules}, a step for each file or rule: who has something else to do meanwhile does it between two steps. */
export function* loadRulesInSteps(paths: readonly string[], texts: readonly RuleText[] = []): Steps<LoadedRules> {
  const finder = new Finder();
  for (const path of paths) finder.addRoot(path);
  const inside = new Texts(texts);
  const lists = new Lists(
    {
      names: folder => inside.names(folder) ?? finder.names(folder),
      read: file => inside.read(file) ?? finder.readList(file),
    },
    [...finder.roots, ...inside.roots],
  );
  const problems: Problem[] = [];
  const documents: ParsedFile[] = [];
  let rejected = 0;
  let files = 0;
  const all = [...finder.files, ...inside.rules];
  for (const file of all) {
    yield;
    const text = inside.read(file) ?? readRuleFile(file);
    if (typeof text !== 'string') {
      problems.push(text);
      rejected++;
      continue;
    }
    files++;
    const result = parseRules(file, text, lists.of(inside.besideOf(file) ?? besideOf(file)));
    documents.push(result);
    rejected += result.rejected;
    problems.push(...result.problems);
  }
  problems.push(...finder.problems, ...lists.problems);
  const joined = yield* joinInSteps(documents);
  problems.push(...joined.problems);
  return {
    rules: joined.rules,
    correlations: joined.correlations,
    problems: sorted(problems, all),
    files,
    rejected: rejected + joined.rejected,
    placeOf: (rule, offset) => joined.placeOf.get(rule)!.source.position(offset),
    lineOf: rule => {
      const { source, idRange } = joined.placeOf.get(rule)!;
      return source.position(idRange[0]).line;
    },
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

/** Itself where it has none; that is told when it is read. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** What goes before `lists/` for a file's own lists. */
const besideOf = (file: string): string => join(dirname(file), '/');

/** The files inside the program, named like `builtin:folder/file.yml`. */
class Texts {
  readonly rules: readonly string[];
  readonly roots: readonly string[];
  readonly #texts: ReadonlyMap<string, string>;

  constructor(texts: readonly RuleText[]) {
    this.#texts = new Map(texts.map(({ file, text }) => [file, text]));
    const files = [...this.#texts.keys()];
    this.rules = files.filter(file => !/[:/]lists\/[^/]*$/.test(file));
    this.roots = [...new Set(files.flatMap(file => /^[^/:]*:/.exec(file)?.[0] ?? []))];
  }

  read(file: string): string | undefined {
    return this.#texts.get(file);
  }

  besideOf(file: string): string | undefined {
    return this.#texts.has(file) ? file.replace(/[^/:]*$/, '') : undefined;
  }

  names(folder: string): readonly string[] | undefined {
    if (!this.roots.some(root => folder.startsWith(root))) return undefined;
    const files = [...this.#texts.keys()].filter(file => file.startsWith(`${folder}/`));
    return files.map(file => file.slice(folder.length + 1));
  }
}

/** Finds rule files below the given paths: sorted, each once, never round a circle of symbolic links. */
class Finder {
  readonly files: string[] = [];
  readonly problems: Problem[] = [];
  /** What goes before `lists/`, by the folder's true name. */
  readonly #roots = new Map<string, string>();
  readonly #seen = new Set<string>();

  get roots(): readonly string[] {
    return [...this.#roots.values()];
  }

  addRoot(path: string): void {
    const stat = this.#stat(path, 'no such rule file or directory');
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      this.#addListsOf(join(path, '/'));
      this.#warnIfWritable(path, stat);
      this.#directory(path, 0);
    } else if (stat.isFile()) {
      this.#addListsOf(besideOf(path));
      this.#file(path, stat);
    } else this.problems.push(fileProblem('error', 'unreadable', path, 'neither a file nor a directory'));
  }

  #addListsOf(folder: string): void {
    const real = realPath(folder);
    if (!this.#roots.has(real)) this.#roots.set(real, folder);
  }

  /** Of a folder of lists; none where there is no such folder. */
  names(folder: string): readonly string[] {
    try {
      const names = readdirSync(folder).sort();
      this.#warnIfWritable(folder, statSync(folder));
      return names;
    } catch (error) {
      const code = messageOf(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR')
        this.problems.push(fileProblem('error', 'unreadable', folder, `the directory can't be read: ${code}`));
      return [];
    }
  }

  readList(file: string): string | Problem {
    const stat = this.#stat(file, 'a symbolic link to nothing');
    if (stat?.isFile()) {
      this.#warnIfWritable(file, stat);
      return readRuleFile(file);
    }
    return fileProblem('error', 'unreadable', file, 'not a file');
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
    const real = realPath(path);
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

// Lists of values that rules name by `%NAME%` under `expand`: what a list file says, and which file a name means. Pure: who reads
// files is given.

import { digestOf } from './document.ts';
import { didYouMean, type Problem, type Report, SourceText } from './problem.ts';
import { readDocuments } from './yaml.ts';

export interface List {
  readonly file: string;
  /** Sigma strings, each once. */
  readonly values: readonly string[];
  readonly digest: string;
}

/** Why a name stands for no list. */
export interface ListFault {
  readonly code: 'unknown-list' | 'ambiguous-list' | 'bad-list';
  readonly message: string;
  readonly help?: string;
}

export type FindList = (name: string) => List | ListFault;

export const NO_LISTS: FindList = name => ({ code: 'unknown-list', message: `there is no list "${name}"` });

/** Where list files lie. */
export interface ListFiles {
  /** The names of a folder's files; none where there is no such folder. */
  names(folder: string): readonly string[];
  read(file: string): string | Problem;
}

const VALUES_MAX = 20_000;
/** Over all uses of all lists: each use is a copy. */
const USES_MAX_VALUES = 1_000_000;
const LIST_FILE = /^(?<name>[A-Za-z0-9_][\w.-]*)\.(?:txt|ya?ml)$/;

/** The lists of one loading; each file is read once. */
export class Lists {
  /** Of list files that were used, each told once. */
  readonly problems: Problem[] = [];
  readonly #files: ListFiles;
  readonly #roots: readonly string[];
  readonly #folders = new Map<string, ReadonlyMap<string, readonly string[]>>();
  readonly #lists = new Map<string, List | undefined>();
  #usedValues = 0;

  /** `roots` and what is given to {@link of} end with what goes before `lists/`: a slash, or nothing. */
  constructor(files: ListFiles, roots: readonly string[]) {
    this.#files = files;
    this.#roots = [...new Set(roots)];
  }

  /** Looks beside the rule file first, then in the roots. */
  of(beside: string): FindList {
    return name => {
      const near = this.#folder(beside).get(name) ?? [];
      const files = near.length > 0 ? near : this.#roots.flatMap(root => this.#folder(root).get(name) ?? []);
      if (files.length > 1) {
        const message = `the list "${name}" is there more than once: ${files.slice(0, 3).join(', ')}`;
        return { code: 'ambiguous-list', message, help: 'rename or remove one of them' };
      }
      if (files.length === 0) return this.#unknown(name, beside);
      const list = this.#list(files[0]!);
      if (list === undefined) return { code: 'bad-list', message: `the list "${name}" can't be used: see ${files[0]}` };
      this.#usedValues += list.values.length;
      if (this.#usedValues <= USES_MAX_VALUES) return list;
      return { code: 'bad-list', message: `lists give more than ${USES_MAX_VALUES} values to all rules together` };
    };
  }

  #unknown(name: string, beside: string): ListFault {
    const folders = [...new Set([beside, ...this.#roots])];
    const known = folders.flatMap(folder => [...this.#folder(folder).keys()]).slice(0, 1000);
    const help = didYouMean(name, known) ?? `write ${beside}lists/${name}.txt, one value a line`;
    return { code: 'unknown-list', message: `there is no list "${name}"`, help };
  }

  #folder(prefix: string): ReadonlyMap<string, readonly string[]> {
    const known = this.#folders.get(prefix);
    if (known !== undefined) return known;
    const folder = `${prefix}lists`;
    const lists = new Map<string, string[]>();
    for (const file of this.#files.names(folder)) {
      const name = LIST_FILE.exec(file)?.groups?.name;
      if (name === undefined) continue;
      const files = lists.get(name);
      if (files === undefined) lists.set(name, [`${folder}/${file}`]);
      else files.push(`${folder}/${file}`);
    }
    this.#folders.set(prefix, lists);
    return lists;
  }

  #list(file: string): List | undefined {
    if (this.#lists.has(file)) return this.#lists.get(file);
    const text = this.#files.read(file);
    let list: List | undefined;
    if (typeof text === 'string') {
      const parsed = parseList(file, text);
      list = parsed.list;
      this.problems.push(...parsed.problems);
    } else this.problems.push(text);
    this.#lists.set(file, list);
    return list;
  }
}

/** One value a line with `#` comments, or for YAML a list. */
export function parseList(file: string, text: string): { readonly list?: List; readonly problems: readonly Problem[] } {
  const source = new SourceText(file, text);
  const problems: Problem[] = [];
  const report: Report = (severity, code, range, message, help) => {
    if (problems.length < 20) problems.push(source.problem(severity, code, range, message, help));
  };
  const found = /\.txt$/.test(file) ? lines(text) : yamlValues(text, report);
  const values = [...new Set(found)];
  if (values.length > VALUES_MAX) {
    report('error', 'bad-list', [0, 0], `the list has ${values.length} values; at most ${VALUES_MAX} are read`);
  }
  if (problems.some(({ severity }) => severity === 'error')) return { problems };
  if (values.length === 0) report('warning', 'empty-list', [0, 0], 'the list is empty: nothing is in it');
  return { list: { file, values, digest: digestOf(values) }, problems };
}

const lines = (text: string): string[] =>
  text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));

function yamlValues(text: string, report: Report): string[] {
  const { nodes } = readDocuments(text, report);
  if (nodes.length > 1) report('error', 'bad-list', nodes[1]!.range, 'a list file has one document');
  const [node] = nodes;
  if (node === undefined || (node.kind === 'scalar' && node.type === 'null')) return [];
  if (node.kind !== 'list') {
    report('error', 'bad-list', node.range, 'expected a list of values');
    return [];
  }
  return node.items.flatMap(item => {
    if (item.kind === 'scalar' && item.type !== 'null') return [item.text];
    report('error', 'bad-list', item.range, 'expected a value');
    return [];
  });
}

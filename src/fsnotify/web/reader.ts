// What the readers of web servers' configurations have in common: files by pattern, each once, within bounds. Pure: files are given.

import { matchName } from '../../core/wildcards.ts';

/** The file system as far as it's needed; paths are absolute. */
export interface ConfigFiles {
  /** Undefined where it isn't a regular file, or too large. */
  read(path: string): string | undefined;
  /** The names in a directory; undefined where it's none. */
  list(path: string): readonly string[] | undefined;
}

const FILES_MAX = 1_000;
const LISTS_MAX = 4_000;
const PATHS_MAX = 4_096;
/** Characters of names times those of the pattern, at most what matching costs. */
const MATCHING_MAX = 30_000_000;
const CHARACTERS_MAX = 16 * 1024 * 1024;
const DEPTH_MAX = 16;
const NOTES_MAX = 32;

export class ConfigReader {
  readonly notes: string[] = [];
  private readonly files: ConfigFiles;
  private readonly seen = new Set<string>();
  private characters = 0;
  private lists = 0;
  private matching = 0;
  private depth = 0;

  constructor(files: ConfigFiles) {
    this.files = files;
  }

  note(message: string): void {
    if (this.notes.length < NOTES_MAX && !this.notes.includes(message)) this.notes.push(message);
  }

  /** Reads all files of this pattern that weren't yet; `each` may read on, at that place. */
  include(pattern: string, each: (text: string, path: string) => void): boolean {
    const paths = this.glob(normalize(pattern));
    for (const path of paths) this.file(path, each);
    return paths.length > 0;
  }

  /** What there is of this pattern, in the order of names; `*`, `?` and `[…]` within a name. */
  glob(pattern: string): string[] {
    let found = [''];
    for (const name of pattern.split('/').filter(part => part !== '')) {
      if (!/[*?[]/.test(name)) {
        found = found.map(path => `${path}/${name}`);
        continue;
      }
      found = found.flatMap(path => this.namesIn(path, name).map(one => `${path}/${one}`)).slice(0, PATHS_MAX);
    }
    return found;
  }

  isDirectory(path: string): boolean {
    return this.files.list(path) !== undefined;
  }

  private file(path: string, each: (text: string, path: string) => void): void {
    if (this.seen.has(path)) return;
    if (this.seen.size >= FILES_MAX || this.depth >= DEPTH_MAX || this.characters > CHARACTERS_MAX) {
      this.note(`web servers include more files, or deeper, than the agent reads: ${path} was left out`);
      return;
    }
    const text = this.files.read(path);
    if (text === undefined) return;
    this.seen.add(path);
    this.characters += text.length;
    this.depth++;
    each(text, path);
    this.depth--;
  }

  private namesIn(path: string, pattern: string): string[] {
    if (this.lists++ >= LISTS_MAX || this.matching > MATCHING_MAX) {
      this.note(`web servers include more than the agent looks for: ${path}/${pattern.slice(0, 64)} was left out`);
      return [];
    }
    const names = this.files.list(path === '' ? '/' : path) ?? [];
    const wild = pattern.replace(/\[[^\]]*\]/g, '?');
    // Hidden names aren't meant by a wildcard.
    const isMeant = (name: string): boolean => {
      this.matching += name.length * wild.length;
      return (
        this.matching <= MATCHING_MAX && (pattern.startsWith('.') || !name.startsWith('.')) && matchName(wild, name)
      );
    };
    return names.filter(isMeant).sort();
  }
}

/** Without `.`, `..` and double slashes. */
export function normalize(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}

/** A path of a configuration against what it's relative to. */
export const resolveIn = (base: string, path: string): string =>
  normalize(path.startsWith('/') ? path : `${base}/${path}`);

/** The words of a line: separated by blanks, in quotes as one; a backslash takes the next quote or backslash as it is. */
export function wordsOf(line: string, quotes = `"'`): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (c === '\\' && quotes.includes(line[i + 1] ?? ' ')) word = (word ?? '') + line[++i]!;
    else if (quote !== '') {
      if (c === quote) quote = '';
      else word += c;
    } else if (quotes.includes(c) && word === undefined) {
      quote = c;
      word = '';
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + c;
  }
  if (word !== undefined) words.push(word);
  return words;
}

// Which paths are watched: patterns and excludes as the configuration has them. Paths are absolute, in their safe text form. Pure.
//   /etc/passwd      the file; if it is a directory, it and its entries
//   /etc/**          the directory and everything beneath
//   /home/*/.ssh/**  `*` and `?` are within one name, `**` is any number of names
// An exclude takes away what it matches, and everything beneath that.

import { matchName, matchSequence } from '../core/wildcards.ts';

interface Pattern {
  readonly names: readonly string[];
  /** The path before the first name with a wildcard, with a slash at its end: no path without it matches. */
  readonly prefix: string;
  readonly isLiteral: boolean;
}

const hasWildcard = (name: string): boolean => /[*?]/.test(name);

export const namesOf = (path: string): string[] => path.split('/').filter(name => name !== '' && name !== '.');

/** A pattern's names before the last one and before the first with a wildcard. */
export function leadingNames(names: readonly string[]): readonly string[] {
  const wild = names.findIndex(hasWildcard);
  return names.slice(0, wild < 0 ? -1 : wild);
}

function parse(text: string): Pattern {
  const names = namesOf(text);
  const leading = leadingNames(names);
  return { names, prefix: leading.length === 0 ? '/' : `/${leading.join('/')}/`, isLiteral: !names.some(hasWildcard) };
}

const matchNames = (pattern: readonly string[], names: readonly string[]): boolean =>
  matchSequence(pattern, names, '**', matchName);

export class WatchSet {
  private readonly patterns: readonly Pattern[];
  private readonly excludes: readonly Pattern[];

  constructor(patterns: readonly string[], excludes: readonly string[] = []) {
    this.patterns = patterns.map(parse);
    // What lies beneath is excluded with it.
    this.excludes = excludes.map(text => parse(`${text}/**`));
  }

  /** Whether what happens to this path is told. */
  covers(path: string): boolean {
    const whole = `${path}/`;
    let names: string[] | undefined;
    for (const pattern of this.patterns) {
      if (!whole.startsWith(pattern.prefix)) continue;
      names ??= namesOf(path);
      const depth = pattern.names.length;
      if (
        matchNames(pattern.names, names) ||
        (pattern.isLiteral && names.length === depth + 1 && matchNames(pattern.names, names.slice(0, depth)))
      ) {
        return !this.excluded(path, names);
      }
    }
    return false;
  }

  /** Whether a directory may hold something that is covered, at any depth. */
  descends(path: string): boolean {
    const names = namesOf(path);
    return this.patterns.some(pattern => leadsTo(pattern, names)) && !this.excluded(path, names);
  }

  /** Whether an entry of this directory may be covered. */
  coversIn(path: string): boolean {
    const names = namesOf(path);
    return this.patterns.some(pattern => {
      const depth = pattern.names.length;
      // One behind the entry's name may be of no length.
      const isReached = depth === names.length + 1 || (pattern.isLiteral && depth === names.length);
      return leadsTo(pattern, names) && (isReached || pattern.names.slice(0, names.length + 2).includes('**'));
    });
  }

  /** Whether everything beneath a directory is covered, wherever in it. */
  coversAllIn(path: string): boolean {
    const names = namesOf(path);
    return (
      this.patterns.some(({ names: [...wanted] }) => {
        const isTree = wanted.pop() === '**' && !wanted.some(hasWildcard);
        return isTree && wanted.length <= names.length && matchNames(wanted, names.slice(0, wanted.length));
      }) && !this.excludes.some(exclude => leadsTo(exclude, names))
    );
  }

  private excluded(path: string, names: readonly string[]): boolean {
    const whole = `${path}/`;
    return this.excludes.some(({ prefix, names: pattern }) => whole.startsWith(prefix) && matchNames(pattern, names));
  }
}

function leadsTo(pattern: Pattern, names: readonly string[]): boolean {
  for (let i = 0; i < pattern.names.length; i++) {
    if (pattern.names[i] === '**' || i === names.length) return true;
    if (!matchName(pattern.names[i]!, names[i]!)) return false;
  }
  return pattern.isLiteral && names.length === pattern.names.length;
}

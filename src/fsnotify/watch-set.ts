// Which paths are watched: patterns and excludes as the configuration has them. Paths are absolute, in their safe text form. Pure.
//   /etc/passwd      the file; if it is a directory, it and its entries
//   /etc/**          the directory and everything beneath
//   /home/*/.ssh/**  `*` and `?` are within one name, `**` is any number of names
// An exclude takes away what it matches, and everything beneath that.

import { hasWildcard, PatternTrie, type Place } from './pattern-trie.ts';

export const namesOf = (path: string): string[] => path.split('/').filter(name => name !== '' && name !== '.');

/** A pattern's names before the last one and before the first with a wildcard. */
export function leadingNames(names: readonly string[]): readonly string[] {
  const wild = names.findIndex(hasWildcard);
  return names.slice(0, wild < 0 ? -1 : wild);
}

/** Everything beneath is matched, wherever in it. */
const isTree = ({ any }: Place): boolean => any?.ends === true;
const goesOn = ({ literal, wild, any }: Place): boolean => literal.size > 0 || wild.length > 0 || any !== undefined;

const covers = (place: Place, left: number): boolean =>
  isTree(place) || (left === 0 && place.ends) || (left === 1 && place.endsPlainly);

const descends = (place: Place, left: number): boolean =>
  place.any !== undefined || (left === 0 && (place.endsPlainly || goesOn(place)));

const coversIn = (place: Place, left: number): boolean =>
  place.any !== undefined || (left === 0 && (place.endsPlainly || nextPlaces(place).some(endsHere)));

/** One behind the entry's name may be of no length. */
const endsHere = ({ ends, any }: Place): boolean => ends || any !== undefined;
const nextPlaces = ({ literal, wild }: Place): Place[] => [...literal.values(), ...wild.map(({ place }) => place)];

const mayMatchIn = (place: Place, left: number): boolean => place.any !== undefined || (left === 0 && goesOn(place));

export class WatchSet {
  private readonly patterns = new PatternTrie();
  /** Those whose last name alone, `**`, has wildcards. */
  private readonly trees = new PatternTrie();
  /** What lies beneath is excluded with it. */
  private readonly excludes = new PatternTrie();

  constructor(patterns: readonly string[], excludes: readonly string[] = []) {
    for (const names of patterns.map(namesOf)) {
      this.patterns.add(names);
      if (names.at(-1) === '**' && !names.slice(0, -1).some(hasWildcard)) this.trees.add(names);
    }
    for (const text of excludes) this.excludes.add([...namesOf(text), '**']);
  }

  /** Whether what happens to this path is told. */
  covers(path: string): boolean {
    return this.patterns.some(path, covers) && !this.excludes.some(path, isTree);
  }

  /** Whether a directory may hold something that is covered, at any depth. */
  descends(path: string): boolean {
    return this.patterns.some(path, descends) && !this.excludes.some(path, isTree);
  }

  /** Whether an entry of this directory may be covered. */
  coversIn(path: string): boolean {
    return this.patterns.some(path, coversIn);
  }

  /** Whether everything beneath a directory is covered, wherever in it. */
  coversAllIn(path: string): boolean {
    return this.trees.some(path, isTree) && !this.excludes.some(path, mayMatchIn);
  }
}

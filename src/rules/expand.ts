// `expand`: a value with `%NAME%` placeholders to the values that it stands for. Pure.

import { type Glob, joinGlobs, parseGlob } from './glob.ts';
import type { FindList, List, ListFault } from './lists.ts';

export interface Expanded {
  /** As a rule without the list would write it. */
  readonly text: string;
  readonly glob: Glob;
}

interface Fault {
  readonly code: ListFault['code'] | 'bad-value';
  readonly message: string;
  readonly help?: string;
}

const VALUES_MAX = 20_000;
const NAME = /^[A-Za-z0-9_][\w.-]*$/;

/** A value without a placeholder stands for itself; one with several for each combination. `\%` is a plain `%`. */
export function expand(text: string, lists: FindList): readonly Expanded[] | Fault {
  let values: readonly Expanded[] = [{ text: '', glob: [] }];
  for (const part of partsOf(text)) {
    let next: readonly Expanded[];
    if ('text' in part) next = [part];
    else {
      const list = listOf(part.name, lists);
      if ('code' in list) return list;
      next = list.values.map(value => ({ text: value, glob: parseGlob(value) }));
    }
    if (values.length * next.length > VALUES_MAX)
      return { code: 'bad-value', message: `the lists combine to more than ${VALUES_MAX} values` };
    values = values.flatMap(a => next.map(b => ({ text: a.text + b.text, glob: joinGlobs(a.glob, b.glob) })));
  }
  return values;
}

function listOf(name: string, lists: FindList): List | Fault {
  if (NAME.test(name)) return lists(name);
  return { code: 'bad-value', message: `"${name}" can't be the name of a list`, help: 'letters, digits and _ . - can' };
}

function partsOf(text: string): (Expanded | { readonly name: string })[] {
  const parts: (Expanded | { readonly name: string })[] = [];
  let at = 0;
  const flush = (end: number): void => {
    // The escaped percent sign is this modifier's, all other escapes are the glob's.
    const written = text.slice(at, end);
    if (written === '') return;
    const plain = written.replace(/\\([\\*?%])/g, (pair, c: string) => (c === '%' ? c : pair));
    parts.push({ text: written, glob: parseGlob(plain) });
  };
  for (const found of text.matchAll(/\\[\\*?%]|%([^%\s]+)%/g)) {
    if (found[1] === undefined) continue;
    flush(found.index);
    parts.push({ name: found[1] });
    at = found.index + found[0].length;
  }
  flush(text.length);
  return parts;
}

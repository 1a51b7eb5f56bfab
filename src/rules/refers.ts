// `fieldref`: the values of one field against those of another. Both may be the arguments of a program that wants to take our time:
// long lists are compared in time linear in what they hold. Pure.

import type { FieldrefHow } from './ast.ts';
import { Automaton } from './automaton.ts';
import { fold } from './glob.ts';
import type { Values } from './values.ts';

/** Below, each value is compared with each. */
const PAIRS_MAX = 256;
const WHERE = { startswith: 'prefix', endswith: 'suffix', contains: 'contains' } as const;

/** Index of the first of `values` that equals, begins with, … one of `others`; -1 where none does. */
export function firstReferring(values: Values, others: Values, how: FieldrefHow, cased: boolean): number {
  if (values.count === 0 || others.count === 0) return -1;
  const form = (text: string): string => (cased ? text : fold(text));
  const wanted: string[] = [];
  for (let i = 0; i < others.count; i++) wanted.push(form(others.items[i]!));
  const holds = values.count * wanted.length > PAIRS_MAX ? amongMany(wanted, how) : amongFew(wanted, how);
  for (let i = 0; i < values.count; i++) if (holds(form(values.items[i]!))) return i;
  return -1;
}

type Holds = (text: string) => boolean;

function amongFew(wanted: readonly string[], how: FieldrefHow): Holds {
  switch (how) {
    case 'equals':
      return text => wanted.includes(text);
    case 'startswith':
      return text => wanted.some(one => text.startsWith(one));
    case 'endswith':
      return text => wanted.some(one => text.endsWith(one));
    case 'contains':
      return text => wanted.some(one => text.includes(one));
  }
}

function amongMany(wanted: readonly string[], how: FieldrefHow): Holds {
  const unique = new Set(wanted);
  if (how === 'equals') return text => unique.has(text);
  if (unique.has('')) return () => true;
  const literals = [...unique].map(text => ({ text, atom: 0, isWhole: false }));
  const automaton = new Automaton(WHERE[how], literals, false);
  let epoch = 0;
  return text => {
    let isFound = false;
    automaton.run(text, true, ++epoch, () => {
      isFound = true;
    });
    return isFound;
  };
}

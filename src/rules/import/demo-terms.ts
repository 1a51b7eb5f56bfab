// A condition of the Go demo's as part of a Sigma detection: its selections, and what they are called in the condition. Pure.

import { globText, literalGlob } from '../glob.ts';

/** Why a document gives no rule. */
export class NotConverted extends Error {
  /** It was switched off: nobody misses it. */
  readonly isOff: boolean;
  constructor(message: string, isOff = false) {
    super(message);
    this.isOff = isOff;
  }
}

export type Selections = Record<string, Readonly<Record<string, unknown>>>;

/** Part of a condition, with the selections that it names. */
export interface Term {
  readonly selections: Selections;
  readonly text: string;
}

export interface Condition {
  readonly field: string;
  readonly type: 'regex' | 'non-regex' | 'string';
  readonly data: string;
}

/** A condition over any of the fields. The demo's patterns saw values in lower case. */
export function textTerm({ field, type, data }: Condition, names: readonly string[], name = field): Term {
  if (type === 'string') {
    const value = data === '' ? null : globText(literalGlob(data));
    return anyOf(
      name,
      names.map(one => ({ [one]: value })),
    );
  }
  const matches = anyOf(
    name,
    names.map(one => patternItem(one, data)),
  );
  if (type === 'regex') return matches;
  // An absent value was no match of either kind.
  const known = anyOf(
    `${name}_known`,
    names.map(one => ({ [`${one}|exists`]: true })),
  );
  return {
    selections: { ...known.selections, ...matches.selections },
    text: `(${known.text} and not ${matches.text})`,
  };
}

const PLAIN = /^(\^?)((?:[^\\^$.*+?()[\]{}|]|\\[^A-Za-z0-9])+)(\$?)$/;

/** Alternatives that are plain texts need no regular expression. */
function patternItem(field: string, pattern: string): Readonly<Record<string, unknown>> {
  const parts = pattern.split('|').map(part => PLAIN.exec(part));
  const first = parts[0];
  if (!first || !parts.every(part => part?.[1] === first[1] && part?.[3] === first[3]))
    return { [`${field}|re|i`]: pattern };
  const position =
    first[1] === '' ? (first[3] === '' ? '|contains' : '|endswith') : first[3] === '' ? '|startswith' : '';
  const texts = parts.map(part => globText(literalGlob(part![2]!.replace(/\\(.)/gs, '$1'))));
  return { [field + position]: texts.length === 1 ? texts[0] : texts };
}

/** One selection; of several fields a list of maps, which is an OR. */
function anyOf(name: string, maps: readonly Readonly<Record<string, unknown>>[]): Term {
  return {
    selections: { [name]: (maps.length === 1 ? maps[0] : maps) as Readonly<Record<string, unknown>> },
    text: name,
  };
}

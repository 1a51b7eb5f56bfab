// Literals of which every match of a regular expression contains one: what keeps an expression from being run at all. Pure.

import type { CharSet, RegexNode } from './regex-parse.ts';

const LITERALS_MAX = 8;
const LENGTH_MAX = 64;

/** What is known of the texts that a node matches. */
interface Known {
  /** All texts it can match, where these are few. */
  readonly exact: readonly string[] | undefined;
  /** A set of which each of its texts contains one. */
  readonly required: readonly string[] | undefined;
}

const NOTHING: Known = { exact: undefined, required: undefined };
const EMPTY: Known = { exact: [''], required: undefined };

export function requiredLiterals(node: RegexNode): readonly string[] {
  const { exact, required } = knownOf(node);
  return better(exact, required) ?? [];
}

/** Longer is rarer; of equal length, fewer. A set with an empty text says nothing. */
function better(a: readonly string[] | undefined, b: readonly string[] | undefined): readonly string[] | undefined {
  const length = (set: readonly string[] | undefined): number =>
    set === undefined || set.length === 0 ? 0 : Math.min(...set.map(text => text.length));
  const [left, right] = [length(a), length(b)];
  if (left === 0 && right === 0) return undefined;
  if (left !== right) return left > right ? a : b;
  return a!.length <= b!.length ? a : b;
}

function knownOf(node: RegexNode): Known {
  switch (node.kind) {
    case 'assert':
      return EMPTY;
    case 'set': {
      const exact = unitsOf(node.set);
      return { exact, required: exact };
    }
    case 'concat':
      return ofSequence(node.of.map(knownOf));
    case 'alternate': {
      const parts = node.of.map(knownOf);
      const exact = unionOf(parts.map(part => part.exact));
      return { exact, required: unionOf(parts.map(part => better(part.exact, part.required))) };
    }
    case 'repeat': {
      if (node.min === 0) return NOTHING;
      const one = knownOf(node.of);
      if (node.min === node.max && node.min <= LENGTH_MAX) return ofSequence(new Array<Known>(node.min).fill(one));
      // At least `min` of them stand side by side, and something unknown behind.
      const first = ofSequence(new Array<Known>(Math.min(node.min, 4)).fill(one));
      return { exact: undefined, required: better(first.exact, first.required) };
    }
  }
}

/** Texts that follow each other are joined as long as they stay few. */
function ofSequence(parts: readonly Known[]): Known {
  let run: readonly string[] | undefined = [''];
  let best: readonly string[] | undefined;
  let isExact = true;
  for (const part of parts) {
    const joined: readonly string[] | undefined = run && part.exact && joinOf(run, part.exact);
    if (joined === undefined) {
      isExact = false;
      best = better(best, run);
      best = better(best, part.required);
      run = part.exact ?? [''];
    } else run = joined;
  }
  best = better(best, run);
  return { exact: isExact ? run : undefined, required: best };
}

function joinOf(left: readonly string[], right: readonly string[]): string[] | undefined {
  if (left.length * right.length > LITERALS_MAX) return undefined;
  const joined = left.flatMap(a => right.map(b => a + b));
  return joined.some(text => text.length > LENGTH_MAX) ? undefined : joined;
}

function unionOf(sets: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const out = new Set<string>();
  for (const set of sets) {
    if (set === undefined) return undefined;
    for (const text of set) out.add(text);
  }
  return out.size > LITERALS_MAX ? undefined : [...out];
}

function unitsOf(set: CharSet): string[] | undefined {
  const units: string[] = [];
  for (let i = 0; i < set.length; i += 2) {
    for (let c = set[i]!; c <= set[i + 1]!; c++) {
      if (units.length === LITERALS_MAX) return undefined;
      // Half a surrogate pair, cut loose, folds otherwise than within it.
      if (c >= 0xd800 && c <= 0xdfff) return undefined;
      units.push(String.fromCharCode(c));
    }
  }
  return units;
}

// What the id or name of a rule means, in correlations and filters. Pure.

import type { ParsedCorrelation } from './correlation-parse.ts';
import type { ParsedRule } from './parse.ts';
import { didYouMean } from './problem.ts';

export type Referred = ParsedRule | ParsedCorrelation;

export const isDraft = (parsed: Referred): parsed is ParsedCorrelation => 'references' in parsed.rule;

interface Unknown {
  readonly code: 'unknown-rule' | 'ambiguous-rule' | 'rejected-rule';
  readonly message: string;
  readonly help?: string;
}

/** Comparisons with names that one loading may spend on guesses. */
const GUESSES_MAX = 50_000;

export class References {
  readonly #byId = new Map<string, Referred>();
  readonly #byName = new Map<string, Referred[]>();
  readonly #rejected: ReadonlySet<string>;
  #guesses = GUESSES_MAX;

  /** `rejected`: ids and names of documents that were left out. */
  constructor(all: readonly Referred[], rejected: Iterable<string>) {
    this.#rejected = new Set(rejected);
    for (const one of all) {
      const { info, name } = one.rule;
      this.#byId.set(info.id.toLowerCase(), one);
      if (name === undefined) continue;
      const others = this.#byName.get(name);
      if (others === undefined) this.#byName.set(name, [one]);
      else others.push(one);
    }
  }

  /** By id; else by name, where a rule of the same file goes before those of others. */
  find(text: string, file: string): Referred | Unknown {
    const named = this.#byName.get(text) ?? [];
    const near = named.filter(({ source }) => source.file === file);
    const byId = this.#byId.get(text.toLowerCase());
    const found = byId !== undefined ? [byId] : near.length > 0 ? near : named;
    if (found.length === 1) return found[0]!;
    if (found.length > 1) {
      const places = found.slice(0, 3).map(({ source, idRange }) => {
        return `${source.file}:${source.position(idRange[0]).line}`;
      });
      const message = `${found.length} rules are named "${text}": ${places.join(', ')}`;
      return { code: 'ambiguous-rule', message, help: 'refer to it by its id' };
    }
    if (this.#rejected.has(text))
      return { code: 'rejected-rule', message: `the rule "${text}" was left out: it is wrong` };
    const help = this.#guess(text);
    return {
      code: 'unknown-rule',
      message: `no rule has the id or name "${text}"`,
      ...(help === undefined ? {} : { help }),
    };
  }

  #guess(text: string): string | undefined {
    const names = [...this.#byName.keys(), ...this.#byId.keys()];
    this.#guesses -= names.length;
    return this.#guesses < 0 ? undefined : didYouMean(text, names);
  }
}

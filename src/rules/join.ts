// The documents of all files to one set: duplicates go, filters are merged in, correlations find their rules. Pure.

import type { Correlation, Rule } from './ast.ts';
import type { ParsedCorrelation } from './correlation-parse.ts';
import { applyFilters, type ParsedFilter } from './filter.ts';
import { type Identified, lintDocument, lintRule, withoutDuplicates } from './lint.ts';
import type { ParsedRule } from './parse.ts';
import type { Problem } from './problem.ts';
import { References, type Referred } from './references.ts';
import { resolveCorrelations } from './resolve.ts';
import { allAtOnce, type Steps } from './steps.ts';

export interface Documents {
  readonly rules: readonly ParsedRule[];
  readonly correlations: readonly ParsedCorrelation[];
  readonly filters: readonly ParsedFilter[];
  /** Ids and names of documents that were left out. */
  readonly rejectedNames: readonly string[];
}

export interface Joined {
  readonly rules: readonly Rule[];
  /** Each behind those that it refers to. */
  readonly correlations: readonly Correlation[];
  readonly problems: readonly Problem[];
  /** Documents that were left out here. */
  readonly rejected: number;
  readonly placeOf: ReadonlyMap<Rule | Correlation, Pick<Identified, 'source' | 'idRange'>>;
}

/** The files' documents, in order of loading. */
export function joinDocuments(files: readonly Documents[]): Joined {
  return allAtOnce(joinInSteps(files));
}

/** A step for each rule, as the lints take their time. */
export function* joinInSteps(files: readonly Documents[]): Steps<Joined> {
  const unique = withoutDuplicates(files.flatMap(identified));
  const kept = new Set<unknown>(unique.kept.map(({ parsed }) => parsed));
  const isKept = (parsed: unknown): boolean => kept.has(parsed);
  const rules = files.flatMap(file => file.rules).filter(isKept);
  const drafts = files.flatMap(file => file.correlations).filter(isKept);
  const filters = files.flatMap(file => file.filters).filter(isKept);
  const references = new References(
    [...rules, ...drafts],
    files.flatMap(file => file.rejectedNames),
  );
  const filtered = applyFilters(filters, rules, references);
  const final = new Map<Referred, Rule>(rules.map((parsed, i) => [parsed, filtered.rules[i]!]));
  const resolved = resolveCorrelations(drafts, references, parsed => final.get(parsed));
  const linted: Problem[] = [];
  for (const parsed of rules) {
    yield;
    linted.push(...lints(lintRule(parsed), parsed.rule.silent));
  }
  return {
    rules: filtered.rules,
    correlations: [...resolved.correlations.values()],
    problems: [
      ...unique.problems,
      ...linted,
      ...drafts.flatMap(({ source, map, rule }) => lints(lintDocument(source, map), rule.silent)),
      ...filters.flatMap(({ source, map }) => lints(lintDocument(source, map), true)),
      ...filtered.problems,
      ...resolved.problems,
    ],
    rejected: unique.problems.length + filtered.rejected + drafts.length - resolved.correlations.size,
    placeOf: new Map<Rule | Correlation, Referred>([
      ...[...final].map(([parsed, rule]) => [rule, parsed] as const),
      ...[...resolved.correlations].map(([parsed, correlation]) => [correlation, parsed] as const),
    ]),
  };
}

/** A filter has no status, and what only correlations hear of needs none. */
const lints = (problems: readonly Problem[], isPart: boolean | undefined): readonly Problem[] =>
  isPart ? problems.filter(({ code }) => code !== 'missing-status') : problems;

/** A filter needs no id. */
function identified({ rules, correlations, filters }: Documents): (Identified & { readonly parsed: unknown })[] {
  return [
    ...[...rules, ...correlations].map(parsed => ({ ...parsed, parsed })),
    ...filters.map(parsed => {
      const { filter, source, idRange } = parsed;
      // Without an id nothing else can be called like it.
      const id = idRange === undefined ? `${source.file}\0${parsed.range[0]}` : filter.id;
      return { rule: { info: { id } }, source, idRange: idRange ?? parsed.range, parsed };
    }),
  ];
}

// `tuning` of the configuration: rules are switched off, get another level, are suppressed, without their files being edited. Pure.

import { LEVELS, type Level } from '../core/event.ts';
import { type Correlation, isCorrelation, type PuppyBlock, type Rule } from './ast.ts';
import { didYouMean } from './problem.ts';

export interface Tuning {
  /** Ids, names, `tag:…`, `level:…`; a rule that any of them means. */
  readonly rules: readonly string[];
  readonly enabled?: boolean;
  readonly level?: Level;
  readonly suppress?: NonNullable<PuppyBlock['suppress']>;
}

interface Mistake {
  readonly message: string;
  readonly help?: string;
}

export interface Tuned {
  readonly rules: readonly Rule[];
  readonly correlations: readonly Correlation[];
  /** What names no rule. */
  readonly warnings: readonly Mistake[];
}

type AnyRule = Rule | Correlation;

/** What is wrong with a reference by itself, whatever rules are loaded. */
export function referenceMistake(reference: string): Mistake | undefined {
  if (!reference.startsWith('level:')) return undefined;
  const level = reference.slice(6);
  if ((LEVELS as readonly string[]).includes(level)) return undefined;
  const help = didYouMean(level, LEVELS) ?? `one of ${LEVELS.join(', ')}`;
  return { message: `"${level}" is not a level`, help };
}

/**
 * Later entries beat earlier ones. A rule that is switched off is gone, but for correlations that count it: they go on, and it is
 * silent. References are to rules as they were written, not as an earlier entry made them.
 */
export function tune(rules: readonly Rule[], correlations: readonly Correlation[], tuning: readonly Tuning[]): Tuned {
  if (tuning.length === 0) return { rules, correlations, warnings: [] };
  const all: readonly AnyRule[] = [...rules, ...correlations];
  const changes = new Map<AnyRule, Omit<Tuning, 'rules'>>();
  const warnings: Mistake[] = [];
  for (const { rules: references, ...change } of tuning) {
    for (const reference of references) {
      const meant = all.filter(matcher(reference));
      if (meant.length === 0) warnings.push(unknown(reference, all));
      for (const rule of meant) changes.set(rule, { ...changes.get(rule), ...change });
    }
  }
  const isOn = (rule: AnyRule): boolean => changes.get(rule)?.enabled !== false;
  const needed = new Set<AnyRule>();
  const need = (rule: AnyRule): void => {
    if (needed.has(rule)) return;
    needed.add(rule);
    if (isCorrelation(rule)) rule.rules.forEach(need);
  };
  all.filter(isOn).forEach(need);
  const tuned = new Map<AnyRule, AnyRule>();
  for (const rule of all) if (needed.has(rule)) tuned.set(rule, changed(rule, changes.get(rule), isOn(rule), tuned));
  return {
    rules: rules.flatMap(rule => (tuned.get(rule) as Rule | undefined) ?? []),
    correlations: correlations.flatMap(rule => (tuned.get(rule) as Correlation | undefined) ?? []),
    warnings,
  };
}

/** `tuned` has the rules that a correlation refers to: they come before it. */
function changed(
  rule: AnyRule,
  change: Omit<Tuning, 'rules'> | undefined,
  isOn: boolean,
  tuned: ReadonlyMap<AnyRule, AnyRule>,
): AnyRule {
  const level = change?.level;
  const suppress = change?.suppress;
  const own = {
    ...(level === undefined ? {} : { info: { ...rule.info, level } }),
    ...(suppress === undefined ? {} : suppressed(rule, suppress)),
    ...(isOn ? {} : { silent: true }),
  };
  if (!isCorrelation(rule)) return { ...rule, ...own };
  const now = (one: AnyRule): AnyRule => tuned.get(one) ?? one;
  const aliases = [...rule.aliases].map(
    ([alias, fields]) => [alias, new Map([...fields].map(([one, field]) => [now(one), field]))] as const,
  );
  return { ...rule, ...own, rules: rule.rules.map(now), aliases: new Map(aliases) };
}

const suppressed = (rule: AnyRule, suppress: NonNullable<PuppyBlock['suppress']>) => ({
  puppy: { ...(rule.puppy ?? { tests: [], range: [0, 0] as const }), suppress },
  digest: `${rule.digest} ${JSON.stringify(suppress)}`,
});

function matcher(reference: string): (rule: AnyRule) => boolean {
  const text = reference.toLowerCase();
  if (text.startsWith('tag:')) return ({ info }) => info.tags.some(tag => tag.toLowerCase() === text.slice(4));
  if (text.startsWith('level:')) return ({ info }) => info.level === text.slice(6);
  return ({ info, name }) => info.id.toLowerCase() === text || name?.toLowerCase() === text;
}

function unknown(reference: string, rules: readonly AnyRule[]): Mistake {
  const known = rules.flatMap(({ info, name }) => [info.id, ...(name === undefined ? [] : [name])]);
  const tags = rules.flatMap(({ info }) => info.tags.map(tag => `tag:${tag}`));
  const help = didYouMean(reference, reference.startsWith('tag:') ? tags : known);
  const message = `no rule is meant by "${reference}"`;
  return help === undefined ? { message } : { message, help };
}

// `new_terms`: only a combination of values that this host hasn't shown before goes on. Pure.

import { shortHash } from '../../core/short-hash.ts';
import type { TermRule, TermStore } from '../../core/terms.ts';
import type { Correlation, Rule } from '../ast.ts';
import type { Subject } from '../subject.ts';

/** Values of several fields combine; where there are more ways than this, all values of a field count as one. */
const COMBINATIONS_MAX = 64;

const termRules = new WeakMap<Rule | Correlation, TermRule>();

/** Other fields, or another logsource, begin anew; the rest of the rule may change. */
function termRule(rule: Rule | Correlation): TermRule | undefined {
  const terms = rule.puppy?.newTerms;
  if (terms === undefined) return undefined;
  let known = termRules.get(rule);
  if (known === undefined) {
    const source = 'logsource' in rule ? rule.logsource : {};
    const meaning = [source.category, source.product, source.service, ...terms.fields].map(text => text ?? null);
    const { learnMs, forgetMs } = terms;
    known = { key: `${rule.info.id} ${shortHash(meaning)}`, learnMs, ...(forgetMs === undefined ? {} : { forgetMs }) };
    termRules.set(rule, known);
  }
  return known;
}

/** What the alert says of it, empty for a rule without `new_terms`; undefined where the match ends here. */
export function newTerms(
  rule: Rule | Correlation,
  subject: Subject,
  timeMs: number,
  store: TermStore,
): { readonly newTerms?: Readonly<Record<string, string>> } | undefined {
  const asked = termRule(rule);
  if (asked === undefined) return {};
  const { fields } = rule.puppy!.newTerms!;
  const values = fields.map(subject);
  if (values.some(list => list.length === 0)) return undefined;
  // All of them are asked about: what was seen is remembered.
  const found = combinations(values).filter(terms => store.see(asked, terms, timeMs) === 'new');
  const first = found[0];
  return first && { newTerms: Object.fromEntries(fields.map((field, i) => [field, first[i]!])) };
}

function combinations(lists: readonly (readonly string[])[]): string[][] {
  const count = lists.reduce((product, list) => product * list.length, 1);
  if (count > COMBINATIONS_MAX) return [lists.map(list => list.join('\n'))];
  return lists.reduce<string[][]>((heads, list) => heads.flatMap(head => list.map(value => [...head, value])), [[]]);
}

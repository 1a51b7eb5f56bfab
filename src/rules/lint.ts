// What is told about a rule that is valid: fields nobody feeds, conditions that can't hold, what isn't acted on. Pure.

import { feedOf } from './logsource.ts';
import type { ParsedRule } from './parse.ts';
import type { Problem } from './problem.ts';
import { fieldProblems, verdictOf } from './verdict.ts';

export function lintRule({ rule, source }: ParsedRule): Problem[] {
  const problems: Problem[] = [];
  const feed = feedOf(rule.logsource);
  if ('notFed' in feed) {
    problems.push(source.problem('warning', 'logsource-not-fed', rule.logsourceRange, feed.notFed, feed.help));
  }
  for (const { code, range, message, help } of fieldProblems(rule)) {
    problems.push(source.problem('warning', code, range, message, help));
  }
  const verdict = verdictOf(rule);
  if (verdict.stream !== undefined && !verdict.canFire) {
    const range = rule.selections.values().next().value?.range ?? rule.logsourceRange;
    problems.push(source.problem('warning', 'cannot-match', range, `the rule can't fire: ${verdict.reason}`));
  }
  const { puppy } = rule;
  const unacted = { suppress: puppy?.suppress, new_terms: puppy?.newTerms, respond: puppy?.respond };
  for (const [name, value] of Object.entries(unacted)) {
    if (value === undefined) continue;
    problems.push(source.problem('warning', 'not-acted-on', puppy!.range, `"${name}" is checked but not acted on yet`));
  }
  return problems;
}

/** Rules of which another with the same id came before are left out, each with an error. */
export function withoutDuplicates(rules: readonly ParsedRule[]): { rules: ParsedRule[]; problems: Problem[] } {
  const byId = new Map<string, ParsedRule>();
  const problems: Problem[] = [];
  for (const parsed of rules) {
    const id = parsed.rule.info.id.toLowerCase();
    const first = byId.get(id);
    if (first === undefined) {
      byId.set(id, parsed);
      continue;
    }
    const { line } = first.source.position(first.idRange[0]);
    const message = `the id "${parsed.rule.info.id}" is taken by ${first.source.file}:${line}`;
    problems.push(parsed.source.problem('error', 'duplicate-id', parsed.idRange, message));
  }
  return { rules: [...byId.values()], problems };
}

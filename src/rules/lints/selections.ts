// Lints of how a condition uses its selections. Pure.

import { type Condition, type Rule, ruleItems } from '../ast.ts';
import type { SourceText } from '../problem.ts';
import { type MapNode, pairOf } from '../yaml.ts';
import { type Finding, quoted } from './finding.ts';
import { holds, type Logic } from './logic.ts';

const KEYWORD_MIN_CHARS = 3;
/** Lists with short keywords in one rule: more aren't judged. */
const KEYWORD_LISTS_MAX = 50;

export function* selectionFindings(rule: Rule, map: MapNode, source: SourceText, logic: Logic): Generator<Finding> {
  const detection = pairOf(map, 'detection')?.value;
  const condition = detection?.kind === 'map' ? pairOf(detection, 'condition') : undefined;
  if (condition === undefined) return;
  yield* shortKeywords(rule, logic);
  if (holds(logic, () => false)) {
    const message = 'the rule holds for every event that has none of what it names';
    const help = 'a condition needs a selection that must match, before what it excludes';
    yield { code: 'matches-nearly-all', range: condition.value.range, message, help };
  }
  if (!/\bthem\b/i.test(source.text.slice(...condition.value.range))) return;
  const used = new Set(namesOf(rule.condition));
  for (const { name, range } of rule.selections.values()) {
    // One that only holds an anchor is meant to be left out.
    const isAnchor = /^\s*:\s*&/.test(source.text.slice(range[1], range[1] + 80));
    if (!name.startsWith('_') || used.has(name) || isAnchor) continue;
    const message = `"them" leaves out selections whose name begins with "_": "${name}" is never asked`;
    yield { code: 'unused-selection', range, message, help: `rename it to "${name.replace(/^_+/, '')}"` };
  }
}

/** Keywords that a great many events have, where one of them is enough for the rule. */
function* shortKeywords(rule: Rule, logic: Logic): Generator<Finding> {
  let judged = 0;
  for (const item of ruleItems(rule)) {
    if (item.field !== undefined || (item.all && item.values.length > 1)) continue;
    const short = item.values.filter(
      ({ text, tests: [test] }) => test?.op !== 'regex' && text.length < KEYWORD_MIN_CHARS,
    );
    if (short.length === 0 || ++judged > KEYWORD_LISTS_MAX) continue;
    if (!holds(logic, question => question.item === item)) continue;
    for (const { text, range } of short) {
      const message = `the keyword ${quoted(text)} is found nearly everywhere, and is enough for the rule`;
      yield { code: 'short-keyword', range, message, help: 'write more of the text, or name a field' };
    }
  }
}

function* namesOf(condition: Condition): Generator<string> {
  if (condition.kind === 'selection') yield condition.name;
  else if (condition.kind === 'of') yield* condition.names;
  else if (condition.kind === 'not') yield* namesOf(condition.of);
  else for (const child of condition.of) yield* namesOf(child);
}

// What is told about a rule that is valid: what nothing feeds, what can't match, what says nothing. Pure; each subject has its file
// in lints/.

import { itemsOf } from './ast.ts';
import { contradictions } from './lints/contradictions.ts';
import type { Finding } from './lints/finding.ts';
import { logicOf } from './lints/logic.ts';
import { metadata } from './lints/metadata.ts';
import { selectionFindings } from './lints/selections.ts';
import { itemFindings } from './lints/values.ts';
import { feedOf } from './logsource.ts';
import type { ParsedRule } from './parse.ts';
import type { Problem, Range, SourceText } from './problem.ts';
import { fieldProblems, verdictOf } from './verdict.ts';
import type { MapNode } from './yaml.ts';

/** Of one document. */
const WARNINGS_MAX = 100;

export const lintRule = (parsed: ParsedRule): Problem[] => told(parsed.source, findings(parsed));

/** For documents that are no detection rules. */
export const lintDocument = (source: SourceText, map: MapNode): Problem[] => told(source, metadata(map));

function told(source: SourceText, all: Iterable<Finding>): Problem[] {
  const problems: Problem[] = [];
  // A selection that is used twice, or written once and referred to, is told once.
  const seen = new Set<string>();
  for (const { code, range, message, help } of all) {
    const key = `${code} ${range[0]}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (problems.length === WARNINGS_MAX) {
      problems.push(source.problem('warning', 'too-many-problems', range, 'more warnings follow, which are not told'));
      break;
    }
    problems.push(source.problem('warning', code, range, message, help));
  }
  return problems;
}

function* findings({ rule, source, map }: ParsedRule): Generator<Finding> {
  yield* metadata(map);
  const feed = feedOf(rule.logsource);
  if ('notFed' in feed) {
    const { notFed: message, help } = feed;
    yield { code: 'logsource-not-fed', range: rule.logsourceRange, message, ...(help === undefined ? {} : { help }) };
  }
  yield* fieldProblems(rule);
  const verdict = verdictOf(rule);
  if (verdict.stream !== undefined && !verdict.canFire) {
    const range = rule.selections.values().next().value?.range ?? rule.logsourceRange;
    yield { code: 'cannot-match', range, message: `the rule can't fire: ${verdict.reason}` };
  }
  const logic = logicOf(rule);
  yield* contradictions(logic, verdict.stream === 'record');
  yield* selectionFindings(rule, map, source, logic);
  for (const selection of rule.selections.values()) {
    for (const item of itemsOf(selection.node)) yield* itemFindings(item);
  }
  const { puppy } = rule;
  if (puppy?.respond !== undefined)
    yield { code: 'not-acted-on', range: puppy.range, message: '"respond" is checked but not acted on yet' };
}

/** What has an id, and its place. */
export interface Identified {
  readonly rule: { readonly info: { readonly id: string } };
  readonly source: SourceText;
  readonly idRange: Range;
}

/** Documents of which another with the same id came before are left out, each with an error. */
export function withoutDuplicates<T extends Identified>(all: readonly T[]): { kept: T[]; problems: Problem[] } {
  const byId = new Map<string, T>();
  const problems: Problem[] = [];
  for (const parsed of all) {
    const id = parsed.rule.info.id.toLowerCase();
    const first = byId.get(id);
    if (first === undefined) {
      byId.set(id, parsed);
      continue;
    }
    const { line } = first.source.position(first.idRange[0]);
    const message = `the id "${parsed.rule.info.id}" is taken by ${first.source.file}:${line}`;
    const help = 'if it is another rule, "uuidgen -r" makes a new id';
    problems.push(parsed.source.problem('error', 'duplicate-id', parsed.idRange, message, help));
  }
  return { kept: [...byId.values()], problems };
}

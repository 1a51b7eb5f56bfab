// Filter documents: parsed, and merged into the rules that they name. Pure.

import type { AppliedFilter, Condition, Logsource, Rule, Selection } from './ast.ts';
import { evaluate, renamed } from './condition.ts';
import { parseDetection } from './detection.ts';
import { type DocumentReader, digestOf } from './document.ts';
import { feedOf } from './logsource.ts';
import type { ParsedRule } from './parse.ts';
import type { Problem, Range, SourceText } from './problem.ts';
import { isDraft, type References } from './references.ts';
import { fieldProblems } from './verdict.ts';
import { type MapNode, pairOf } from './yaml.ts';

export interface Filter {
  /** Its id, else its title. */
  readonly id: string;
  readonly title: string;
  readonly file: string;
  readonly logsource: Logsource;
  /** Ids or names with their places; undefined for every rule of its logsource. */
  readonly rules?: readonly { readonly text: string; readonly range: Range }[];
  readonly selections: ReadonlyMap<string, Selection>;
  readonly condition: Condition;
  readonly digest: string;
}

export interface ParsedFilter {
  readonly filter: Filter;
  readonly source: SourceText;
  readonly map: MapNode;
  /** Undefined where it has none. */
  readonly idRange?: Range;
  /** Of the key `filter`. */
  readonly range: Range;
}

const KEYS = ['logsource', 'filter'];
/** Copies of selections in all rules. */
const MERGED_MAX_SELECTIONS = 200_000;
/** Of one filter. */
const WARNINGS_MAX = 100;

export function parseFilter(reader: DocumentReader): ParsedFilter | undefined {
  const { map, source } = reader;
  reader.checkKeys(KEYS);
  const pair = pairOf(map, 'filter')!;
  const title = reader.title();
  const id = reader.text('id');
  const logsource = reader.logsource();
  const rules = parseTargets(reader);
  const detection = parseDetection(pair, reader, ['rules']);
  if (reader.failed || logsource === undefined || detection === undefined) return undefined;
  if (!evaluate(detection.condition, () => false)) {
    const message = 'the filter keeps only what its selections match: its condition is added to the rules with "and"';
    const place = pair.value.kind === 'map' ? pairOf(pair.value, 'condition')!.value.range : pair.keyRange;
    reader.report('warning', 'filter-keeps', place, message, 'to leave out what they match, write "not …"');
  }
  const filter: Filter = {
    id: id ?? title,
    title,
    file: source.file,
    logsource,
    ...(rules === 'any' || rules === undefined ? {} : { rules }),
    ...detection,
    digest: reader.digest(),
  };
  return { filter, source, map, ...(id === undefined ? {} : { idRange: reader.idRange }), range: pair.keyRange };
}

function parseTargets(reader: DocumentReader): Filter['rules'] | 'any' {
  const filter = pairOf(reader.map, 'filter')!;
  const pair = filter.value.kind === 'map' ? pairOf(filter.value, 'rules') : undefined;
  const fail = (range: Range, message: string): undefined =>
    void reader.report(
      'error',
      'filter-rules',
      range,
      message,
      'ids or names of rules, or "any" for all of the logsource',
    );
  if (pair === undefined) return fail(filter.keyRange, 'the filter doesn\'t say of which rules: "rules" is missing');
  const { value } = pair;
  if (value.kind === 'scalar' && /^(?:any|all)$/i.test(value.text)) return 'any';
  const nodes = value.kind === 'list' ? value.items : [value];
  if (nodes.length === 0) return fail(value.range, 'the list of rules is empty');
  return nodes.flatMap(node => {
    if (node.kind === 'scalar' && node.text !== '') return [{ text: node.text, range: node.range }];
    fail(node.range, 'expected the id or the name of a rule');
    return [];
  });
}

export interface Filtered {
  /** In the order given. */
  readonly rules: readonly Rule[];
  readonly problems: readonly Problem[];
  /** Filters that were left out. */
  readonly rejected: number;
}

/** The rules with the filters merged in that name them and have their logsource. */
export function applyFilters(
  filters: readonly ParsedFilter[],
  rules: readonly ParsedRule[],
  references: References,
): Filtered {
  const problems: Problem[] = [];
  const wanted = new Map<ParsedRule, Filter[]>();
  let merged = 0;
  let applied = 0;
  for (const parsed of filters) {
    const { filter, source, range } = parsed;
    const targets = targetsOf(parsed, rules, references, problems);
    merged += targets.length * filter.selections.size;
    if (merged > MERGED_MAX_SELECTIONS) {
      const message = `filters add more than ${MERGED_MAX_SELECTIONS} selections to all rules together`;
      problems.push(source.problem('error', 'too-many-filters', range, message, 'name fewer rules'));
      break;
    }
    applied++;
    problems.push(...unknownFields(parsed, targets));
    for (const target of targets) {
      const known = wanted.get(target);
      if (known === undefined) wanted.set(target, [filter]);
      else known.push(filter);
    }
  }
  return {
    rules: rules.map(parsed => {
      const own = wanted.get(parsed);
      return own === undefined ? parsed.rule : merge(parsed.rule, own);
    }),
    problems,
    rejected: filters.length - applied,
  };
}

function targetsOf(
  { filter, source, range }: ParsedFilter,
  rules: readonly ParsedRule[],
  references: References,
  problems: Problem[],
): readonly ParsedRule[] {
  let warnings = 0;
  const warn = (at: Range, code: string, message: string, help?: string): void => {
    if (++warnings <= WARNINGS_MAX) problems.push(source.problem('warning', code, at, message, help));
  };
  if (filter.rules === undefined) {
    const targets = rules.filter(({ rule }) => covers(filter.logsource, rule.logsource));
    if (targets.length === 0) warn(range, 'filter-unused', "no rule is of the filter's logsource");
    return targets;
  }
  const targets = new Set<ParsedRule>();
  for (const reference of filter.rules) {
    const found = references.find(reference.text, filter.file);
    // The rule may be one of a pack that isn't loaded here.
    if ('code' in found) warn(reference.range, found.code, found.message, found.help);
    else if (isDraft(found)) {
      const message = `"${reference.text}" is a correlation: filters are for the rules that it refers to`;
      warn(reference.range, 'filter-of-correlation', message);
    } else if (!covers(filter.logsource, found.rule.logsource)) {
      const message = `the rule "${reference.text}" is of another logsource than the filter, which isn't applied to it`;
      warn(reference.range, 'filter-logsource', message);
    } else targets.add(found);
  }
  return [...targets];
}

/** Each part that the filter names is the rule's. */
const covers = (filter: Logsource, rule: Logsource): boolean =>
  (['category', 'product', 'service'] as const).every(key => filter[key] === undefined || filter[key] === rule[key]);

/** Fields of the filter that no rule's events have. */
function unknownFields({ filter, source }: ParsedFilter, targets: readonly ParsedRule[]): Problem[] {
  const byStream = new Map<string, Rule>();
  for (const { rule } of targets) {
    const feed = feedOf(rule.logsource);
    if ('notFed' in feed) return [];
    byStream.set(feed.stream, rule);
  }
  // What the rule's own block names is told of the rule.
  const told = [...byStream.values()].map(({ puppy: _, ...rule }) =>
    fieldProblems({ ...rule, selections: filter.selections }),
  );
  const [first = [], ...others] = told;
  return first
    .filter(one => others.every(problems => problems.some(({ range }) => range === one.range)))
    .map(({ code, range, message, help }) => source.problem('warning', code, range, message, help));
}

/** Tells filters of one title apart; a great many would make long names. */
const marked = (count: number): string => (count < 4 ? "'".repeat(count) : `'${count}`);

function merge(rule: Rule, filters: readonly Filter[]): Rule {
  const selections = new Map(rule.selections);
  const applied: AppliedFilter[] = [];
  const marks = new Map<string, number>();
  for (const { id, title, file, selections: own, condition } of filters) {
    const names = new Map<string, string>();
    const nameOf = new Map<string, string>();
    for (const [name, selection] of own) {
      const plain = `${title}/${name}`;
      let mark = marks.get(plain) ?? 0;
      let merged: string;
      do merged = plain + marked(mark++);
      while (selections.has(merged));
      marks.set(plain, mark);
      names.set(merged, name);
      nameOf.set(name, merged);
      selections.set(merged, { ...selection, name: merged });
    }
    applied.push({ id, title, file, names, condition: renamed(condition, name => nameOf.get(name)!) });
  }
  return {
    ...rule,
    selections,
    condition: { kind: 'and', of: [rule.condition, ...applied.map(({ condition }) => condition)] },
    filters: applied,
    digest: digestOf([rule.digest, ...filters.map(({ digest }) => digest)]),
  };
}

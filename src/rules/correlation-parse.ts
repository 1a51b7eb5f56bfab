// Correlation documents, one by one: what refers to other rules is a text here, and resolved when all are known. Pure.

import type { Condition, Correlation, CorrelationOperator, CorrelationType } from './ast.ts';
import { evaluate, namesIn, parseCondition } from './condition.ts';
import { conditionFault, isTemporal, OPERATORS } from './correlation-condition.ts';
import type { DocumentReader } from './document.ts';
import { didYouMean, type Range, type SourceText } from './problem.ts';
import { parseTimespan } from './timespan.ts';
import { booleanOf, type MapNode, type Node, type Pair, pairOf, type Scalar } from './yaml.ts';

/** A text with its place. */
export interface Word {
  readonly text: string;
  readonly range: Range;
}

/** What an alias is called in the rules. */
export interface AliasDraft extends Word {
  readonly fields: readonly { readonly rule: Word; readonly field: string }[];
}

type Written = Pick<
  Correlation,
  | 'info'
  | 'name'
  | 'status'
  | 'type'
  | 'timespanMs'
  | 'conditions'
  | 'fields'
  | 'percentile'
  | 'puppy'
  | 'silent'
  | 'falsePositives'
  | 'digest'
>;

export interface CorrelationDraft extends Written {
  readonly references: readonly Word[];
  readonly groupBy: readonly Word[];
  readonly aliases: readonly AliasDraft[];
  /** Over the references as written. */
  readonly expression?: Condition;
  /** Absent where the rules alone say it. */
  readonly conditionText?: string;
  /** The rules alert alone too. */
  readonly generate: boolean;
  /** Where values are read from: for what is told of {@link Written.fields}. */
  readonly fieldsRange: Range;
}

export interface ParsedCorrelation {
  readonly rule: CorrelationDraft;
  readonly source: SourceText;
  readonly map: MapNode;
  readonly idRange: Range;
}

const KEYS = ['correlation', 'fields', 'generate', 'puppy'];
const CORRELATION_KEYS = ['type', 'rules', 'group-by', 'timespan', 'condition', 'aliases', 'generate'];
const TYPES: readonly CorrelationType[] = [
  ...(['event_count', 'value_count', 'temporal', 'temporal_ordered'] as const),
  ...(['value_sum', 'value_avg', 'value_percentile', 'value_median'] as const),
];
const TIMESPAN_MAX_MS = 366 * 86_400_000;
const REFERENCES_MAX = 100;
/** Of a group, an alias or a value. */
const FIELDS_MAX = 16;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/** The rules that a document refers to if it is a correlation, however wrong it is otherwise. */
export function referencesOf(document: Node): { readonly names: readonly string[]; readonly generate: boolean } {
  const body = document.kind === 'map' ? pairOf(document, 'correlation')?.value : undefined;
  if (document.kind !== 'map' || body?.kind !== 'map') return { names: [], generate: false };
  const generate = [document, body].some(map => booleanOf(pairOf(map, 'generate')?.value) === true);
  const rules = pairOf(body, 'rules')?.value ?? pairOf(body, 'condition')?.value;
  if (rules === undefined || rules.kind === 'map') return { names: [], generate };
  if (rules.kind === 'scalar') return { names: pairOf(body, 'rules') ? [rules.text] : namesIn(rules.text), generate };
  return { names: rules.items.flatMap(item => (item.kind === 'scalar' ? [item.text] : [])), generate };
}

export function parseCorrelation(reader: DocumentReader, silent: boolean): ParsedCorrelation | undefined {
  reader.checkKeys(KEYS);
  const pair = pairOf(reader.map, 'correlation')!;
  const info = reader.info(silent);
  const name = reader.text('name');
  const status = reader.status();
  const puppy = reader.puppy();
  if (pair.value.kind !== 'map') {
    reader.report('error', 'structure', pair.value.range, '"correlation" must be a map');
    return undefined;
  }
  const body = new BodyReader(reader, pair, pair.value).read();
  if (reader.failed || body === undefined) return undefined;
  const rule: CorrelationDraft = {
    info,
    ...(name === undefined ? {} : { name }),
    ...(status === undefined ? {} : { status }),
    ...body,
    ...(puppy === undefined ? {} : { puppy }),
    ...(silent ? { silent } : {}),
    falsePositives: reader.list('falsepositives'),
    digest: reader.digest(),
  };
  return { rule, source: reader.source, map: reader.map, idRange: reader.idRange };
}

type Body = Omit<CorrelationDraft, 'info' | 'name' | 'status' | 'puppy' | 'silent' | 'falsePositives' | 'digest'>;

/** The map under `correlation`. */
class BodyReader {
  readonly #reader: DocumentReader;
  readonly #pair: Pair;
  readonly #map: MapNode;

  constructor(reader: DocumentReader, pair: Pair, map: MapNode) {
    this.#reader = reader;
    this.#pair = pair;
    this.#map = map;
  }

  read(): Body | undefined {
    for (const { key, keyRange } of this.#map.pairs) {
      if (CORRELATION_KEYS.includes(key)) continue;
      const help = didYouMean(key, CORRELATION_KEYS) ?? `one of ${CORRELATION_KEYS.join(', ')}`;
      this.#reader.report('warning', 'unknown-key', keyRange, `unknown key "${key}" in correlation`, help);
    }
    const type = this.#type();
    const timespanMs = this.#timespan();
    const groupBy = this.#words('group-by', 'fields');
    const aliases = this.#aliases();
    const generate = this.#generate();
    const references = this.#references(type);
    if (type === undefined || references === undefined) return undefined;
    const condition = this.#condition(type, references);
    if (condition === undefined || timespanMs === undefined) return undefined;
    if (groupBy.length === 0) {
      const message = 'without "group-by" the matches of all users, addresses, … are counted together';
      this.#reader.report('warning', 'missing-group-by', this.#pair.keyRange, message);
    }
    return { type, timespanMs, groupBy, aliases, generate, references, ...condition };
  }

  #error(node: { readonly range: Range }, message: string, help?: string): undefined {
    return void this.#reader.report('error', 'bad-correlation', node.range, message, help);
  }

  #missing(key: string, help?: string): undefined {
    return this.#error({ range: this.#pair.keyRange }, `the correlation has no "${key}"`, help);
  }

  #type(): CorrelationType | undefined {
    const node = pairOf(this.#map, 'type')?.value;
    if (node === undefined) return this.#missing('type', `one of ${TYPES.join(', ')}`);
    const text = node.kind === 'scalar' ? node.text : '';
    const type = TYPES.find(known => known === text.toLowerCase());
    return type ?? this.#error(node, `unknown type "${text}"`, didYouMean(text, TYPES) ?? `one of ${TYPES.join(', ')}`);
  }

  #timespan(): number | undefined {
    const node = pairOf(this.#map, 'timespan')?.value;
    const help = 'write a number and s, m, h or d: 90m';
    if (node === undefined) return this.#missing('timespan', help);
    const ms = node.kind === 'scalar' ? parseTimespan(node.text) : undefined;
    if (ms === undefined || ms === 0) return this.#error(node, '"timespan" must be a time', help);
    return ms <= TIMESPAN_MAX_MS ? ms : this.#error(node, '"timespan" is longer than a year', 'at most 366d');
  }

  /** A text or a list of texts, each once. */
  #words(key: string, what: string, map = this.#map): Word[] {
    const node = pairOf(map, key)?.value;
    if (node === undefined || (node.kind === 'scalar' && node.type === 'null')) return [];
    const words = new Map<string, Word>();
    const most = key === 'rules' ? REFERENCES_MAX : FIELDS_MAX;
    if (node.kind === 'list' && node.items.length > most) {
      this.#error(node.items[most]!, `"${key}" has at most ${most} ${what}`);
      return [];
    }
    for (const item of node.kind === 'list' ? node.items : [node]) {
      if (item.kind !== 'scalar' || item.text === '') this.#error(item, `"${key}" must be a list of ${what}`);
      else if (!words.has(item.text)) words.set(item.text, { text: item.text, range: item.range });
      else this.#error(item, `"${item.text}" is there twice`);
    }
    return [...words.values()];
  }

  #references(type: CorrelationType | undefined): readonly Word[] | undefined {
    const words = this.#words('rules', 'ids or names of rules');
    if (words.length > 0) return words;
    const given = pairOf(this.#map, 'rules')?.value;
    // What isn't empty was told.
    if (given?.kind === 'map' || (given?.kind === 'list' && given.items.length > 0)) return undefined;
    const condition = pairOf(this.#map, 'condition')?.value;
    // The extended form names the rules itself.
    if (type !== undefined && isTemporal(type) && condition?.kind === 'scalar' && given === undefined) {
      const names = [...new Set(namesIn(condition.text))].slice(0, REFERENCES_MAX);
      return names.map(text => ({ text, range: condition.range }));
    }
    return this.#missing('rules', 'the ids or names of the rules whose matches are counted');
  }

  #aliases(): AliasDraft[] {
    const node = pairOf(this.#map, 'aliases')?.value;
    if (node === undefined) return [];
    if (node.kind !== 'map') {
      this.#error(node, '"aliases" must be a map of names, each with a field for each rule');
      return [];
    }
    return node.pairs.map(({ key, keyRange, value }, i) => {
      if (i === FIELDS_MAX) this.#error({ range: keyRange }, `a correlation has at most ${FIELDS_MAX} aliases`);
      if (value.kind === 'map' && value.pairs.length > REFERENCES_MAX)
        this.#error({ range: keyRange }, `the alias "${key}" has more fields than a correlation has rules`);
      if (value.kind !== 'map') this.#error(value, `the alias "${key}" must be a map of rules and their fields`);
      const fields =
        value.kind !== 'map'
          ? []
          : value.pairs.flatMap(one => {
              if (one.value.kind !== 'scalar' || one.value.text === '') {
                this.#error(one.value, 'expected the name of a field');
                return [];
              }
              return [{ rule: { text: one.key, range: one.keyRange }, field: one.value.text }];
            });
      return { text: key, range: keyRange, fields };
    });
  }

  #generate(): boolean {
    const given = [pairOf(this.#reader.map, 'generate'), pairOf(this.#map, 'generate')].flatMap(pair => {
      if (pair === undefined) return [];
      return booleanOf(pair.value) ?? this.#error(pair.value, '"generate" must be true or false') ?? [];
    });
    return given.includes(true);
  }

  #condition(
    type: CorrelationType,
    references: readonly Word[],
  ): Pick<Body, 'conditions' | 'expression' | 'conditionText' | 'fields' | 'fieldsRange' | 'percentile'> | undefined {
    const pair = pairOf(this.#map, 'condition');
    if (pair === undefined) {
      if (isTemporal(type)) return { conditions: [], fields: [], fieldsRange: this.#pair.keyRange };
      return this.#missing('condition', 'write "condition: {gte: 10}"');
    }
    const { value: node } = pair;
    if (node.kind === 'scalar') {
      if (!isTemporal(type)) return this.#error(node, '"condition" must be a map', 'write "condition: {gte: 10}"');
      const expression = this.#expression(node, references);
      return (
        expression && {
          conditions: [],
          expression,
          conditionText: node.text.trim(),
          fields: [],
          fieldsRange: node.range,
        }
      );
    }
    if (node.kind !== 'map') return this.#error(node, '"condition" must be a map', 'write "condition: {gte: 10}"');
    return this.#bounds(type, node, references.length);
  }

  #expression(node: Scalar, references: readonly Word[]): Condition | undefined {
    const raw = this.#reader.source.text.slice(...node.range);
    const names = new Set(references.map(({ text }) => text));
    const used = new Set<string>();
    const text = { text: node.text, raw, offset: node.range[0] };
    const expression = parseCondition(text, names, used, this.#reader.report, 'rule');
    if (expression === undefined) return undefined;
    if (evaluate(expression, () => false)) {
      return this.#error(node, 'the condition holds when no rule matches at all', 'name a rule that must match');
    }
    for (const { text: name, range } of references) {
      if (!used.has(name)) {
        this.#reader.report('warning', 'unused-rule', range, `the condition doesn't use the rule "${name}"`);
      }
    }
    return expression;
  }

  #bounds(
    type: CorrelationType,
    map: MapNode,
    ruleCount: number,
  ): Pick<Body, 'conditions' | 'conditionText' | 'fields' | 'fieldsRange' | 'percentile'> | undefined {
    const conditions: { operator: CorrelationOperator; value: number }[] = [];
    for (const { key, keyRange, value } of map.pairs) {
      if (key === 'field' || key === 'percentile') continue;
      const operator = OPERATORS.find(known => known === key);
      if (operator === undefined) {
        const known = [...OPERATORS, 'field', 'percentile'];
        this.#error(
          { range: keyRange },
          `unknown key "${key}" in condition`,
          didYouMean(key, known) ?? `one of ${known.join(', ')}`,
        );
      } else if (value.kind !== 'scalar' || !NUMBER.test(value.text)) this.#error(value, `"${key}" takes a number`);
      else conditions.push({ operator, value: Number(value.text) });
    }
    const fieldsPair = pairOf(map, 'field');
    const fieldsRange = fieldsPair?.value.range ?? map.range;
    const fields = this.#words('field', 'fields', map).map(({ text }) => text);
    this.#checkFields(type, fields, map, fieldsPair);
    const percentile = this.#percentile(type, map);
    const given = map.pairs.filter(({ key }) => key !== 'field' && key !== 'percentile').length;
    const fault = conditions.length < given ? undefined : conditionFault(type, conditions, ruleCount);
    if (fault !== undefined) return this.#error(map, fault.message, fault.help);
    return {
      conditions,
      conditionText: conditions.map(({ operator, value }) => `${SIGNS[operator]} ${value}`).join(' and '),
      fields,
      fieldsRange,
      ...(percentile === undefined ? {} : { percentile }),
    };
  }

  #checkFields(type: CorrelationType, fields: readonly string[], map: MapNode, pair: Pair | undefined): void {
    const takes = type.startsWith('value_') ? (type === 'value_count' ? Number.POSITIVE_INFINITY : 1) : 0;
    if (takes > 0 && fields.length === 0) this.#error(map, `"${type}" needs "field": whose values are looked at`);
    else if (takes === 1 && fields.length > 1) this.#error(pair!.value, `"${type}" takes one field`);
    else if (takes === 0 && fields.length > 0) {
      const help = type === 'event_count' ? 'value_count counts the different values of a field' : undefined;
      this.#error({ range: pair!.keyRange }, `"${type}" takes no field`, help);
    }
  }

  #percentile(type: CorrelationType, map: MapNode): number | undefined {
    const pair = pairOf(map, 'percentile');
    if (type !== 'value_percentile')
      return pair && this.#error({ range: pair.keyRange }, `"percentile" belongs to value_percentile, not "${type}"`);
    if (pair === undefined)
      return this.#error(
        map,
        '"value_percentile" needs "percentile"',
        'write "percentile: 95", and the value it must reach as "gte"',
      );
    const { value } = pair;
    const number = value.kind === 'scalar' && NUMBER.test(value.text) ? Number(value.text) : Number.NaN;
    return number >= 0 && number <= 100 ? number : this.#error(value, '"percentile" must be a number from 0 to 100');
  }
}

const SIGNS: Readonly<Record<CorrelationOperator, string>> = {
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  eq: '=',
  neq: '!=',
};

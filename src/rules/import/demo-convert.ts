// A rule document of the Go demo as Sigma rules: `{meta, source, system, and, rules: {field: {type, data}}}`. Pure.

import { globText, literalGlob } from '../glob.ts';
import { didYouMean } from '../problem.ts';
import { uuidOf } from '../uuid.ts';
import { END_FIELDS, endTerm } from './demo-ends.ts';
import { DEMO_SOURCES, type DemoField, type DemoSource, FILE_ACTIONS, NO_FIELD, NO_SOURCE } from './demo-fields.ts';
import { type Condition, NotConverted, type Selections, type Term, textTerm } from './demo-terms.ts';

export interface ConvertedRule {
  readonly id: string;
  readonly title: string;
  readonly document: object;
  /** What differs from what the demo did. */
  readonly notes: readonly string[];
}

interface FirstTime {
  readonly term: Term;
  readonly puppy: object;
  readonly notes: readonly string[];
}

const TYPES = ['regex', 'non-regex', 'string', 'count'];
const LEVELS = ['high', 'medium', 'low'];
const TITLE_MAX_CHARS = 200;
const FIELDS_MAX = 32;

/** Throws {@link NotConverted} with the reason. */
export function convertDemoRule(document: Readonly<Record<string, unknown>>): ConvertedRule[] {
  return new Converter(document).convert();
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Numbers as MongoDB's exports write them: `{"$numberInt": "1"}`. */
function scalarText(value: unknown): string | undefined {
  if (isMap(value)) {
    const [key, inner] = Object.entries(value)[0] ?? [];
    return key?.startsWith('$number') ? scalarText(inner) : undefined;
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

class Converter {
  readonly #document: Readonly<Record<string, unknown>>;
  readonly #meta: Readonly<Record<string, unknown>>;
  readonly #notes: string[] = [];
  readonly #source: DemoSource;
  readonly #sourceName: string;
  readonly #isAnd: boolean;
  /** What its action says of the logsource. */
  #category: string | undefined;

  constructor(document: Readonly<Record<string, unknown>>) {
    this.#document = document;
    if (document.enabled === false) throw new NotConverted('it is switched off ("enabled": false)', true);
    const system = scalarText(document.system) ?? 'all';
    if (system !== 'linux' && system !== 'all')
      throw new NotConverted(`its system is "${system}": nothing of that happens here`);
    this.#sourceName = scalarText(document.source) ?? '';
    if (Object.hasOwn(NO_SOURCE, this.#sourceName))
      throw new NotConverted(`source "${this.#sourceName}": ${NO_SOURCE[this.#sourceName]}`);
    if (!Object.hasOwn(DEMO_SOURCES, this.#sourceName)) {
      const help = didYouMean(this.#sourceName, [...Object.keys(DEMO_SOURCES), ...Object.keys(NO_SOURCE)]);
      throw new NotConverted(`unknown source "${this.#sourceName}"${help === undefined ? '' : `; ${help}`}`);
    }
    this.#source = DEMO_SOURCES[this.#sourceName]!;
    this.#meta = isMap(document.meta) ? document.meta : {};
    this.#isAnd = document.and !== false;
  }

  convert(): ConvertedRule[] {
    const { conditions, counts } = this.#conditions();
    const terms = conditions.map(condition => this.#term(condition, conditions));
    if (counts.length === 0) return [this.#rule(this.#detection(terms))];
    if (this.#isAnd) {
      if (counts.length > 1)
        throw new NotConverted('two of its conditions are of type "count": new_terms are one combination');
      const first = this.#firstTime(counts[0]!, conditions);
      return [this.#rule(this.#detection([...terms, first.term]), first)];
    }
    // One condition is enough: each count is a rule of its own.
    const rules = counts.map((field, i) => {
      const first = this.#firstTime(field, []);
      return this.#rule(this.#detection([first.term]), first, ` (first ${field})`, i + 1);
    });
    return terms.length === 0 ? rules : [this.#rule(this.#detection(terms)), ...rules];
  }

  #conditions(): { conditions: Condition[]; counts: string[] } {
    const { rules } = this.#document;
    if (!isMap(rules) || Object.keys(rules).length === 0) throw new NotConverted('it has no conditions ("rules")');
    if (Object.keys(rules).length > FIELDS_MAX) throw new NotConverted(`it has more than ${FIELDS_MAX} conditions`);
    const conditions: Condition[] = [];
    const counts: string[] = [];
    for (const [field, rule] of Object.entries(rules)) {
      const type = isMap(rule) ? scalarText(rule.type) : undefined;
      const data = isMap(rule) ? scalarText(rule.data) : undefined;
      if (type === undefined || data === undefined) throw new NotConverted(`"${field}" has no type and data`);
      this.#checkField(field);
      if (type === 'count') {
        if (data !== '1')
          throw new NotConverted(
            `"${field}" must have been seen ${data} times: only the first time has a word (new_terms)`,
          );
        counts.push(field);
      } else if (type === 'regex' || type === 'non-regex' || type === 'string') {
        if (type !== 'string' && data === '') throw new NotConverted(`the pattern of "${field}" is empty`);
        conditions.push({ field, type, data });
      } else {
        const help = didYouMean(type, TYPES) ?? `one of ${TYPES.join(', ')}`;
        throw new NotConverted(
          `"${type}" of "${field}" is no type of a condition, so that the demo never let it hold; ${help}`,
        );
      }
    }
    return { conditions, counts };
  }

  #checkField(field: string): void {
    const why = `${this.#sourceName}.${field}`;
    if (Object.hasOwn(NO_FIELD, why)) throw new NotConverted(`"${field}": ${NO_FIELD[why]}`);
    const known = [
      ...Object.keys(this.#source.fields),
      ...(this.#sourceName === 'connection' ? END_FIELDS : []),
      ...(this.#sourceName === 'file' ? ['action'] : []),
    ];
    if (known.includes(field)) return;
    const help = didYouMean(field, known) ?? `it has ${known.join(', ')}`;
    throw new NotConverted(`the source "${this.#sourceName}" has no field "${field}"; ${help}`);
  }

  #isEnd(field: string): boolean {
    return this.#sourceName === 'connection' && END_FIELDS.includes(field);
  }

  #term(condition: Condition, all: readonly Condition[]): Term {
    const { field, type, data } = condition;
    if (this.#isEnd(field)) {
      const direction = all.find(one => one.field === 'dir' && one.type === 'string')?.data.toLowerCase();
      return endTerm(condition, this.#isAnd ? direction : undefined);
    }
    if (this.#sourceName === 'file' && field === 'action') return this.#actionTerm(condition);
    const { names, file, values, note }: DemoField = this.#source.fields[field]!;
    if (note !== undefined) this.#notes.push(note);
    if (values !== undefined) {
      const value = Object.hasOwn(values, data.toLowerCase()) ? values[data.toLowerCase()] : undefined;
      if (type !== 'string' || value === undefined) {
        throw new NotConverted(`"${field}" must be one of ${Object.keys(values).join(', ')}, of type string`);
      }
      return { selections: { [field]: { [names[0]!]: value } }, text: field };
    }
    if (file !== undefined && !data.includes('/')) {
      // The demo compared paths with it, which never are without a slash.
      if (type === 'string')
        return {
          selections: { [field]: { [`${names[0]!}|endswith`]: globText(literalGlob(`/${data}`)) } },
          text: field,
        };
      return textTerm(condition, [file]);
    }
    return textTerm(condition, names);
  }

  #actionTerm({ type, data }: Condition): Term {
    const wanted = FILE_ACTIONS[data.toLowerCase()];
    if (type !== 'string' || wanted === undefined || !Object.hasOwn(FILE_ACTIONS, data.toLowerCase())) {
      throw new NotConverted(`"action" must be one of ${Object.keys(FILE_ACTIONS).join(', ')}, of type string`);
    }
    if (!this.#isAnd)
      throw new NotConverted('an "action" of which one condition is enough has no word: it decides the logsource');
    this.#category = wanted.category;
    if (wanted.action === undefined) return { selections: {}, text: '' };
    return { selections: { action: { 'event.action': wanted.action } }, text: 'action' };
  }

  /** The first time that a field has a value, on this host: the demo's server knew all hosts. */
  #firstTime(field: string, conditions: readonly Condition[]): FirstTime {
    const name = this.#termOf(field, conditions);
    const notes = ["what is new was new to all of the demo's hosts; here it is new to this host"];
    const known: Record<string, unknown> = { [`${name}|exists`]: true };
    if (this.#isEnd(field) && !conditions.some(one => one.field === 'dir')) {
      known.Initiated = 'true';
      notes.push('only outgoing connections are looked at');
    }
    return {
      term: { selections: { known }, text: 'known' },
      puppy: { new_terms: { fields: [name], learn: '7d' } },
      notes,
    };
  }

  #termOf(field: string, conditions: readonly Condition[]): string {
    if (this.#isEnd(field)) {
      const isIn = conditions.some(one => one.field === 'dir' && one.data.toLowerCase() === 'in');
      return (field === 'remote') === isIn ? 'SourceIp' : 'DestinationIp';
    }
    if (field === 'action') throw new NotConverted('an "action" of type "count" has no word');
    const { term, names } = this.#source.fields[field]!;
    return term ?? names[0]!;
  }

  #detection(terms: readonly Term[]): object {
    const { always } = this.#source;
    const all = terms.filter(({ text }) => text !== '');
    const selections = Object.assign({}, ...all.map(term => term.selections)) as Selections;
    const joined = all.map(({ text }) => text).join(this.#isAnd ? ' and ' : ' or ');
    if (always === undefined) {
      if (joined === '') throw new NotConverted('its only condition is the kind of change: every file would match');
      return { ...selections, condition: joined };
    }
    const condition = all.length > 1 && !this.#isAnd ? `login and (${joined})` : `login and ${joined}`;
    return { login: always, ...selections, condition };
  }

  #rule(detection: object, first?: FirstTime, suffix = '', number = 0): ConvertedRule {
    const text = (key: string): string | undefined => scalarText(this.#meta[key])?.trim() || undefined;
    const name = text('name') ?? `Rule of the source ${this.#sourceName}`;
    const title = [...name].slice(0, TITLE_MAX_CHARS).join('') + suffix;
    const level = LEVELS[Number(text('level') ?? 1)];
    if (level === undefined) throw new NotConverted(`its level is ${text('level')}: 0 to 2 are known`);
    const { rules, source, system, and, meta } = this.#document;
    const id = uuidOf(JSON.stringify(['go demo', meta, source, system, and, rules, number]));
    const category = this.#category;
    const document = {
      title,
      id,
      status: 'experimental',
      ...(text('description') !== undefined && { description: text('description') }),
      ...(text('author') !== undefined && { author: text('author') }),
      logsource: category === undefined ? this.#source.logsource : { ...this.#source.logsource, category },
      detection,
      level,
      ...(first !== undefined && { puppy: first.puppy }),
    };
    return { id, title, document, notes: [...new Set([...this.#notes, ...(first?.notes ?? [])])] };
  }
}

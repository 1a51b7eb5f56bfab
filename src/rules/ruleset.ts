// The rules stage: events in, matches out. A ruleset is a value: a reload makes a new one.

import { FILE_KINDS, type HostEvent, type Module, type RecordView } from '../core/event.ts';
import type { Match } from '../core/match.ts';
import { type FieldBag, type Item, type itemsOf, type Logsource, type Rule, ruleItems } from './ast.ts';
import { type Access, accessOf, isAccess, meansEvents } from './audit-access.ts';
import { Engine, KEYWORDS } from './engine.ts';
import { explain } from './explain.ts';
import {
  COMMON_RECORDS,
  type Collect,
  type CollectRecord,
  canHaveField,
  canonicalName,
  FIELDS,
  FILE_STREAM_NAMES,
  FILE_STREAMS,
  isAnswerField,
  isFileEvent,
  LINE_FIELD,
  readsEvent,
  recordField,
  type Stream,
} from './fields.ts';
import { isLogEvent, isOfService } from './log-fields.ts';
import { appliesTo, streamsOf } from './logsource.ts';
import { mergeNeeds, type Needs } from './needs.ts';
import { isConnection, isDnsEvent } from './network-fields.ts';
import { Recent } from './recent.ts';
import type { Values } from './values.ts';
import { type Verdict, verdictOf } from './verdict.ts';

const NO_MATCHES: readonly Match[] = [];

export interface Ruleset {
  readonly rules: readonly Rule[];
  readonly verdicts: readonly Verdict[];
  /** What all rules together need of the kernel. */
  readonly needs: Needs;
  /** Whether a record of this type could make any rule match. */
  readsRecord(type: string): boolean;
  /** The rules that match, in order of loading; the same empty array whenever none does. */
  evaluate(event: HostEvent): readonly Match[];
  /** As for an event of `logsource` with these fields: Sigma's or ECS names, nested or dotted; any other stands for itself. */
  evaluateFields(fields: FieldBag, logsource: Logsource): readonly Match[];
}

/** `sources`: those that run; all of them without. */
export function compileRuleset(rules: readonly Rule[], sources?: readonly Module[]): Ruleset {
  return new CompiledRuleset(rules, sources);
}

class CompiledRuleset implements Ruleset {
  readonly rules: readonly Rule[];
  readonly verdicts: readonly Verdict[];
  readonly needs: Needs;
  readonly #exec: EventEngine;
  readonly #network: EventEngine;
  /** By the kind of event: the engines of all categories that mean it. */
  readonly #files: ReadonlyMap<string, readonly EventEngine[]>;
  readonly #records: RecordEngines;
  readonly #log: EventEngine;
  readonly #dns: EventEngine;
  /** Rules over DNS that read what only answers tell. */
  readonly #ofAnswers: ReadonlySet<Rule>;
  #fields: FieldsEngine | undefined;

  constructor(rules: readonly Rule[], sources?: readonly Module[]) {
    this.rules = rules;
    this.verdicts = rules.map(rule => verdictOf(rule, sources));
    this.needs = mergeNeeds(this.verdicts.map(verdict => verdict.needs));
    const of = (stream: Stream): Rule[] => rules.filter(rule => streamsOf(rule.logsource).includes(stream));
    this.#exec = new EventEngine(of('exec'), 'exec');
    this.#network = new EventEngine(of('network'), 'network');
    const files = FILE_STREAM_NAMES.map(name => ({
      kinds: FILE_STREAMS[name] as readonly string[],
      rules: of(name),
      name,
    }))
      .filter(({ rules }) => rules.length > 0)
      .map(({ kinds, rules, name }) => ({ kinds, engine: new EventEngine(rules, name) }));
    this.#files = new Map(
      FILE_KINDS.map(kind => [kind, files.filter(({ kinds }) => kinds.includes(kind)).map(({ engine }) => engine)]),
    );
    this.#records = new RecordEngines(of('record'));
    this.#log = new EventEngine(of('log'), 'log');
    const dns = of('dns');
    this.#dns = new EventEngine(dns, 'dns');
    this.#ofAnswers = new Set(dns.filter(readsAnswer));
  }

  evaluate(event: HostEvent): readonly Match[] {
    let matches = NO_MATCHES;
    if (event.kind === 'exec') matches = this.#exec.evaluate(event);
    else if (isFileEvent(event)) matches = this.#files.get(event.kind)!.flatMap(engine => engine.evaluate(event));
    else if (isDnsEvent(event))
      matches = this.#dns.evaluate(event, rule => this.#ofAnswers.has(rule) === (event.kind === 'dns_answer'));
    else if (isLogEvent(event)) matches = this.#log.evaluate(event, rule => isOfService(rule, event));
    // A connect that no packet followed was only an address being tried, as resolvers do.
    else if (isConnection(event) && !event.warnings.includes('no_packet')) {
      matches = this.#network.evaluate(event);
    }
    if (event.records === undefined || this.#records.isEmpty) return matches;
    const more = this.#records.evaluate(event, event.records);
    return more.length === 0 ? matches : matches.length === 0 ? more : [...matches, ...more];
  }

  readsRecord(type: string): boolean {
    return this.#records.reads(type);
  }

  evaluateFields(fields: FieldBag, logsource: Logsource): readonly Match[] {
    this.#fields ??= new FieldsEngine(this.rules);
    return this.#fields.evaluate(fields, logsource);
  }
}

/** Each lookup is judged once: as a query, or as its answer by rules that read it. */
const readsAnswer = (rule: Rule): boolean =>
  ruleItems(rule).some(({ field }) => field !== undefined && isAnswerField(field));

const matchOf = (engine: Engine, rule: Rule): Match => ({
  rule: rule.info,
  conditions: explain(rule, engine),
});

/** Rules over whole events. */
class EventEngine {
  readonly #engine: Engine;
  readonly #collect: readonly (Collect | undefined)[];
  #event: HostEvent | undefined;

  constructor(rules: readonly Rule[], stream: keyof typeof FIELDS) {
    this.#engine = new Engine(rules, LINE_FIELD[stream]);
    this.#collect = this.#engine.fieldNames.map(name => FIELDS[stream].get(name)?.collect);
  }

  evaluate(event: HostEvent, isAsked: (rule: Rule) => boolean = () => true): readonly Match[] {
    const engine = this.#engine;
    this.#event = event;
    const matched = engine.evaluate(this.#fill);
    let matches = NO_MATCHES;
    if (matched.length > 0) {
      const rules = matched.map(rule => engine.rules[rule]!).filter(isAsked);
      if (rules.length > 0) matches = rules.map(rule => matchOf(engine, rule));
    }
    this.#event = undefined;
    return matches;
  }

  readonly #fill = (slot: number, out: Values): void => this.#collect[slot]?.(this.#event!, out);
}

/** Rules over single audit records: one engine per record type, so that a record meets only rules for its type. */
class RecordEngines {
  readonly isEmpty: boolean;
  readonly #byType = new Map<string, RecordEngine>();
  /** Rules that name no type. */
  readonly #other: RecordEngine;
  readonly #order: ReadonlyMap<Rule, number>;

  constructor(rules: readonly Rule[]) {
    this.isEmpty = rules.length === 0;
    this.#order = new Map(rules.map((rule, i) => [rule, i]));
    const typesOf = new Map(rules.map(rule => [rule, recordTypes(rule)]));
    const types = new Set([...COMMON_RECORDS, ...[...typesOf.values()].flatMap(named => [...(named ?? [])])]);
    for (const type of types) {
      const mine = rules.filter(rule => typesOf.get(rule)?.has(type) ?? true);
      this.#byType.set(type, new RecordEngine(mine, name => canHaveField(type, name)));
    }
    const untyped = rules.filter(rule => typesOf.get(rule) === undefined);
    this.#other = new RecordEngine(untyped, () => true);
  }

  reads(type: string): boolean {
    return !(this.#byType.get(type) ?? this.#other).isEmpty;
  }

  evaluate(event: HostEvent, records: readonly RecordView[]): readonly Match[] {
    let matches: Map<Rule, { match: Match; records: number[] }> | undefined;
    let hasArguments = false;
    for (let r = 0; r < records.length; r++) {
      const record = records[r]!;
      const { type } = record;
      // Each EXECVE record of an event reads as all of them joined, and there may be hundreds.
      if (type === 'EXECVE') {
        if (hasArguments) continue;
        hasArguments = true;
      }
      const engine = this.#byType.get(type) ?? this.#other;
      if (engine.isEmpty) continue;
      for (const rule of engine.evaluate(event, record)) {
        matches ??= new Map();
        const known = matches.get(rule);
        if (known === undefined) matches.set(rule, { match: engine.match(rule), records: [r] });
        else known.records.push(r);
      }
      engine.release();
    }
    if (matches === undefined) return NO_MATCHES;
    const sorted = [...matches].sort(([a], [b]) => this.#order.get(a)! - this.#order.get(b)!);
    return sorted.map(([, { match, records: indexes }]) => ({ ...match, records: indexes }));
  }
}

const NO_RULES: readonly Rule[] = [];
/** Longer records are evaluated each time. */
const RECORD_MAX_CHARS = 512;

class RecordEngine {
  readonly isEmpty: boolean;
  readonly #engine: Engine;
  readonly #collect: readonly (CollectRecord | undefined)[];
  readonly #access: readonly (Access | undefined)[];
  readonly #meansEvents: readonly boolean[];
  /** Records that no rule matched; absent where rules read the record's event too. */
  readonly #unmatched: Recent<true> | undefined;
  #event: HostEvent | undefined;
  #record: RecordView | undefined;

  constructor(rules: readonly Rule[], canHave: (field: string) => boolean) {
    this.#engine = new Engine(rules, KEYWORDS, canHave);
    this.isEmpty = this.#engine.isIdle;
    const keywords: CollectRecord = (record, _event, out) => {
      for (const [, value] of record.entries()) out.add(value);
    };
    this.#collect = this.#engine.fieldNames.map(name => (name === KEYWORDS ? keywords : recordField(name)));
    this.#access = rules.map(accessOf);
    this.#meansEvents = rules.map(meansEvents);
    if (!this.#engine.fieldNames.some(readsEvent)) this.#unmatched = new Recent(RECORD_MAX_CHARS);
  }

  evaluate(event: HostEvent, record: RecordView): readonly Rule[] {
    const same = this.#unmatched === undefined ? undefined : record.fingerprint?.();
    if (same !== undefined && this.#unmatched!.get(same)) return NO_RULES;
    this.#event = event;
    this.#record = record;
    const { rules } = this.#engine;
    const matched = this.#engine.evaluate(this.#fill);
    if (matched.length === 0) {
      if (same !== undefined) this.#unmatched!.set(same, true);
      return NO_RULES;
    }
    if (record.type === 'CONFIG_CHANGE')
      return matched.filter(rule => !this.#meansEvents[rule]).map(rule => rules[rule]!);
    if (record.type !== 'PATH') return matched.map(rule => rules[rule]!);
    const isWanted = (access: Access | undefined): boolean => access === undefined || isAccess(access, record, event);
    return matched.filter(rule => isWanted(this.#access[rule])).map(rule => rules[rule]!);
  }

  match(rule: Rule): Match {
    return matchOf(this.#engine, rule);
  }

  release(): void {
    this.#event = undefined;
    this.#record = undefined;
  }

  readonly #fill = (slot: number, out: Values): void => this.#collect[slot]?.(this.#record!, this.#event!, out);
}

/** The record types without one of which the rule can't match, or undefined where it may match any. */
function recordTypes(rule: Rule): ReadonlySet<string> | undefined {
  const ofItem = (item: Item): Set<string> | undefined => {
    if (item.field !== 'type' || item.negated || item.all) return undefined;
    const texts = item.values.map(value => value.tests[0]!);
    const types = texts.map(test => (test.op === 'glob' && test.glob.length === 1 ? test.glob[0] : undefined));
    if (!types.every(type => typeof type === 'string')) return undefined;
    return new Set(types.map(type => type.toUpperCase()));
  };
  const any = (sets: readonly (Set<string> | undefined)[]): Set<string> | undefined =>
    sets.every(set => set !== undefined) ? new Set(sets.flatMap(set => [...set!])) : undefined;
  const ofSelection = (name: string): Set<string> | undefined => {
    const walk = (node: Parameters<typeof itemsOf>[0]): Set<string> | undefined => {
      if (node.kind === 'item') return ofItem(node.item);
      const sets = node.of.map(walk);
      return node.kind === 'any' ? any(sets) : sets.find(set => set !== undefined);
    };
    return walk(rule.selections.get(name)!.node);
  };
  const ofCondition = (condition: Rule['condition']): Set<string> | undefined => {
    switch (condition.kind) {
      case 'selection':
        return ofSelection(condition.name);
      case 'not':
        return undefined;
      case 'and':
        return condition.of.map(ofCondition).find(set => set !== undefined);
      case 'or':
        return any(condition.of.map(ofCondition));
      case 'of': {
        const sets = condition.names.map(ofSelection);
        return condition.count === condition.names.length ? sets.find(set => set !== undefined) : any(sets);
      }
    }
  };
  return ofCondition(rule.condition);
}

/** All rules over events that are given as fields: what a rule's tests describe. */
class FieldsEngine {
  readonly #engine: Engine;
  #fields: ReadonlyMap<string, readonly unknown[]> = new Map();
  #keywordFields: readonly string[] = [];

  constructor(rules: readonly Rule[]) {
    this.#engine = new Engine(rules);
  }

  evaluate(bag: FieldBag, logsource: Logsource): readonly Match[] {
    const fields = new Map<string, unknown[]>();
    flatten(bag, '', fields);
    this.#fields = fields;
    // As live: the text of a process start is its command line alone.
    const isExec = logsource.category === 'process_creation';
    this.#keywordFields = isExec ? [LINE_FIELD.exec] : [...fields.keys()];
    const { rules } = this.#engine;
    const matched = this.#engine.evaluate(this.#fill).map(rule => rules[rule]!);
    return matched.filter(rule => appliesTo(rule.logsource, logsource)).map(rule => matchOf(this.#engine, rule));
  }

  readonly #fill = (slot: number, out: Values): void => {
    const name = this.#engine.fieldNames[slot]!;
    if (name !== KEYWORDS) out.addJson(this.#fields.get(name));
    else for (const field of this.#keywordFields) out.addJson(this.#fields.get(field)?.filter(value => value !== null));
  };
}

/** Nested maps become dotted names; a name that several spellings mean collects the values of all. */
export function flatten(bag: FieldBag, prefix: string, out: Map<string, unknown[]>): void {
  for (const [key, value] of Object.entries(bag)) {
    const path = prefix + key;
    if (value !== null && typeof value === 'object' && !Array.isArray(value))
      flatten(value as FieldBag, `${path}.`, out);
    else {
      const name = canonicalName(path);
      out.set(name, [...(out.get(name) ?? []), value]);
    }
  }
}

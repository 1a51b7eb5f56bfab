// Everything that can be said of one alert, from its line, the rules that are loaded now and the lines beside it. Values in, values
// out: how it is shown is text.ts's.

import type { HostEvent, ProcessImage, RecordView } from '../../core/event.ts';
import { eventOf } from '../../output/ecs/read.ts';
import { known, type Reader } from '../../output/ecs/reader.ts';
import { type Correlation, isCorrelation, type Logsource, type Rule } from '../../rules/ast.ts';
import { eventLookup, withMatched } from '../../rules/event-lookup.ts';
import { type ConditionEvidence, evidenceOf } from '../../rules/evidence.ts';
import type { Stream } from '../../rules/fields.ts';
import { draftFilter, type FilterDraft } from '../../rules/filter-draft.ts';
import { streamOf } from './stream.ts';

export interface Explanation {
  readonly alert: Readonly<Record<'id' | 'time' | 'level' | 'host' | 'message', string | undefined>>;
  readonly rule: { readonly id: string; readonly title?: string; readonly file?: string; readonly isLoaded: boolean };
  /** For a correlation, of the rules that it counts and that hold of its last event. */
  readonly evidence: readonly RuleEvidence[];
  /** What the alert itself says decided. */
  readonly matched: readonly MatchedLine[];
  readonly correlation?: CorrelationLine;
  readonly newTerms: readonly FieldValue[];
  readonly suppressed?: number;
  readonly processes: readonly ProcessLine[];
  readonly login?: Readonly<Record<string, string>>;
  readonly confidence?: string;
  readonly gap?: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  /** How many arguments the line holds of how many, where it doesn't hold all. */
  readonly cutArguments?: readonly [held: number, all: number];
  readonly filter: FilterDraft;
}

export interface RuleEvidence {
  readonly rule: { readonly id: string; readonly title: string; readonly file: string; readonly line: number };
  /** The audit record that it is about. */
  readonly record?: Readonly<Record<string, string>>;
  readonly holds: boolean;
  readonly condition: ConditionEvidence;
}

export interface MatchedLine {
  readonly selection: string;
  readonly field?: string;
  readonly modifier?: string;
  readonly pattern: string;
  readonly value: string;
}

export interface FieldValue {
  readonly field: string;
  readonly value: string;
}

export interface CorrelationLine {
  readonly type: string;
  readonly timespan?: string;
  readonly condition?: string;
  readonly value?: number;
  readonly group: readonly FieldValue[];
  readonly eventCount?: number;
  readonly first?: string;
  readonly last?: string;
  readonly events: readonly string[];
}

export interface ProcessLine {
  readonly pid: number;
  readonly executable?: string;
  readonly commandLine?: string;
  readonly user?: string;
  readonly origin?: string;
}

export interface LoadedSet {
  readonly rules: readonly Rule[];
  readonly correlations: readonly Correlation[];
  readonly lineOf: (rule: Rule | Correlation) => number;
}

const fieldValues = (line: Reader, path: string): FieldValue[] =>
  line.list(path).map(pair => ({ field: pair.text('field') ?? '', value: pair.text('value') ?? '' }));

export function explanationOf(json: unknown, line: Reader, loaded: LoadedSet): Explanation {
  const event = eventOf(json);
  const ruleId = line.text('rule.id') ?? '';
  const named = [...loaded.rules, ...loaded.correlations].find(one => one.info.id === ruleId);
  const matched = matchedOf(line);
  const judged = event === undefined ? [] : judgedBy(named, event, matched);
  const evidence = judged.flatMap(({ rule, trees }) =>
    trees.map(({ record, condition }): RuleEvidence => {
      const { id, title, file } = rule.info;
      const about =
        record === undefined ? {} : { record: { type: record.type, ...Object.fromEntries(record.entries()) } };
      return {
        rule: { id, title, file, line: loaded.lineOf(rule) },
        ...about,
        holds: condition.holds,
        condition,
      };
    }),
  );
  return {
    alert: {
      id: line.text('event.id'),
      time: line.text('@timestamp'),
      level: line.text('log.level'),
      host: line.text('host.name'),
      message: line.text('message'),
    },
    rule: known<Explanation['rule']>({
      id: ruleId,
      title: line.text('rule.name'),
      file: named?.info.file ?? line.text('rule.ruleset'),
      isLoaded: named !== undefined,
    }),
    evidence,
    matched,
    newTerms: fieldValues(line, 'puppy.new_terms'),
    processes: processesOf(event),
    warnings: line.texts('puppy.warnings'),
    filter: filterOf(line, event, named, judged, matched),
    ...known<Partial<Explanation>>({
      correlation: correlationOf(line.at('puppy.correlation')),
      suppressed: line.number('puppy.suppressed'),
      login: scalars(line.at('puppy.login')),
      confidence: line.text('puppy.confidence'),
      gap: scalars(line.at('puppy.gap')),
      cutArguments: cutArguments(event),
    }),
  };
}

function matchedOf(line: Reader): MatchedLine[] {
  return line.list('puppy.match').map(one =>
    known<MatchedLine>({
      selection: one.text('selection') ?? '',
      field: one.text('field'),
      modifier: one.text('modifier'),
      pattern: one.text('pattern') ?? '',
      value: one.text('value') ?? '',
    }),
  );
}

interface Judged {
  readonly rule: Rule;
  readonly stream: Stream;
  readonly trees: readonly { readonly record?: RecordView; readonly condition: ConditionEvidence }[];
}

/** The rule's trees, or of a correlation those of the rules that it counts: all that hold, else the first ones that don't. */
function judgedBy(named: Rule | Correlation | undefined, event: HostEvent, matched: readonly MatchedLine[]): Judged[] {
  if (named === undefined) return [];
  const judged = [...new Set(detections(named))].flatMap(rule => judge(rule, event, matched));
  const holding = judged.filter(({ trees }) => trees.some(({ condition }) => condition.holds));
  return holding.length > 0 ? holding : judged.slice(0, 1);
}

function* detections(rule: Rule | Correlation): Generator<Rule> {
  if (!isCorrelation(rule)) yield rule;
  else for (const one of rule.rules) yield* detections(one);
}

function judge(rule: Rule, event: HostEvent, matched: readonly MatchedLine[]): Judged[] {
  const stream = streamOf(rule.logsource, event);
  if (stream === undefined) return [];
  const { records = [] } = event;
  if (stream !== 'record') {
    const condition = evidenceOf(rule, withMatched(eventLookup(stream, event), matched));
    return [{ rule, stream, trees: [{ condition }] }];
  }
  const trees = records.map(record => {
    const lookup = eventLookup(stream, event, record);
    const condition = evidenceOf(rule, lookup);
    // What the alert says is of one of them: of which, is sure where there is but one.
    if (condition.holds || records.length > 1) return { record, condition };
    const helped = evidenceOf(rule, withMatched(lookup, matched));
    return { record, condition: helped.holds ? helped : condition };
  });
  const holding = trees.filter(({ condition }) => condition.holds);
  return [{ rule, stream, trees: holding.length > 0 ? holding : trees.slice(0, 1) }];
}

function correlationOf(line: Reader): CorrelationLine | undefined {
  const type = line.text('type');
  if (type === undefined) return undefined;
  return {
    type,
    group: fieldValues(line, 'group'),
    events: line.texts('events'),
    ...known<Partial<CorrelationLine>>({
      timespan: line.text('timespan'),
      condition: line.text('condition'),
      value: line.number('value'),
      eventCount: line.number('event_count'),
      first: line.text('first'),
      last: line.text('last'),
    }),
  };
}

const scalars = (line: Reader): Record<string, string> | undefined => {
  const entries = line.scalars();
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
};

function processesOf(event: HostEvent | undefined): ProcessLine[] {
  const process = event?.process;
  if (process === undefined) return [];
  const { ancestors, parentPid } = process;
  const lines = [process.image, ...ancestors].map((image, i) => processLine(image, i < 2));
  return ancestors.length === 0 && parentPid !== undefined ? [...lines, { pid: parentPid }] : lines;
}

/** Of ancestors beyond the parent a line has neither user nor origin. */
function processLine(
  { pid, executable, commandLine, credentials, origin }: ProcessImage,
  isNear: boolean,
): ProcessLine {
  const who = credentials?.euid ?? credentials?.uid;
  const user = who === undefined ? undefined : (who.name ?? `uid ${who.id}`);
  return known<ProcessLine>({ pid, executable, commandLine, user, origin: isNear ? origin : undefined });
}

function cutArguments(event: HostEvent | undefined): [number, number] | undefined {
  const { args = [], argsCount = args.length } = event?.process?.image ?? {};
  return args.length < argsCount ? [args.length, argsCount] : undefined;
}

const LOGSOURCES: Readonly<Partial<Record<HostEvent['kind'], Logsource>>> = {
  exec: { category: 'process_creation', product: 'linux' },
  connect: { category: 'network_connection', product: 'linux' },
  accept: { category: 'network_connection', product: 'linux' },
};

function filterOf(
  line: Reader,
  event: HostEvent | undefined,
  named: Rule | Correlation | undefined,
  judged: readonly Judged[],
  matched: readonly MatchedLine[],
): FilterDraft {
  if (event === undefined) return { notes: ["the line holds no event of a host's"] };
  const alertId = line.text('event.id') ?? '';
  const ofRecords = line.list('puppy.audit.records').length > 0;
  if (judged.length === 0) {
    const logsource = ofRecords ? { product: 'linux', service: 'auditd' } : LOGSOURCES[event.kind];
    const stream = logsource && streamOf(logsource, event);
    if (logsource === undefined || stream === undefined || line.at('puppy.correlation').isObject) {
      return { notes: ['without the rule no filter can be drafted: give its file with --rules'] };
    }
    const rule = { id: line.text('rule.id') ?? '', title: line.text('rule.name') ?? '', logsource };
    return draftFilter({ rule, stream, event, records: event.records ?? [], matched, alertId });
  }
  const { rule, stream, trees } = judged[0]!;
  const records = trees.flatMap(({ record }) => record ?? []);
  const { id, title } = rule.info;
  const draft = draftFilter({
    rule: { id, title, logsource: rule.logsource },
    stream,
    event,
    records,
    matched,
    alertId,
  });
  const hasReference = id !== title || rule.name === id;
  if (named === rule && hasReference) return draft;
  if (!hasReference) return { notes: [`the rule "${title}" has no id that a filter could name: give it one`] };
  const note = `filters aren't applied to correlations: this one keeps such events from the rule "${title}"`;
  return { ...draft, notes: [note, ...draft.notes] };
}

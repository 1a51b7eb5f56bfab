// A Sigma filter that silences one alert and as little else as can be: the facts of its event that will be the same next time. Never
// a pid, a time or a port that the kernel chose. Pure.

import type { HostEvent, RecordView } from '../core/event.ts';
import type { MatchedCondition } from '../core/match.ts';
import type { Logsource } from './ast.ts';
import { eventLookup, withMatched } from './event-lookup.ts';
import { recordField, type Stream } from './fields.ts';
import { ANY, type Glob, globText, literalGlob } from './glob.ts';
import type { Lookup } from './interpret.ts';
import { uuidOf } from './uuid.ts';
import { Values } from './values.ts';
import { yamlText } from './yaml-text.ts';

export interface FilterOptions {
  /** The rule that is to be filtered: a detection rule, filters aren't applied to correlations. */
  readonly rule: { readonly id: string; readonly title: string; readonly logsource: Logsource };
  readonly stream: Stream;
  readonly event: HostEvent;
  /** The records that the rule matched, for rules of audit records. */
  readonly records: readonly RecordView[];
  /** What the alert says of the values that decided. */
  readonly matched: readonly Pick<MatchedCondition, 'field' | 'value'>[];
  readonly alertId: string;
}

export interface FilterDraft {
  /** Absent where the alert holds no fact to go by. */
  readonly text?: string;
  /** What the reader should know before using it. */
  readonly notes: readonly string[];
}

type Selection = Readonly<Record<string, string | number>>;

const EXEC_FACTS = ['Image', 'CommandLine', 'ParentImage', 'User', 'puppy.process.root'];
const CONNECT_FACTS = ['Image', 'User', 'Initiated', 'DestinationIp', 'DestinationPort'];
const ACCEPT_FACTS = ['Image', 'User', 'Initiated', 'SourceIp', 'DestinationPort'];
const LOG_FACTS = ['log.syslog.appname', 'user.name', 'user.target.name', 'source.ip', 'source.domain'];
/** In a message: ports, process ids and the like. */
const PASSING_NUMBER = /(?<![\w.:=/-])\d{3,}(?![\w.:/-])/;
/** Of the record's event. */
const RECORD_EVENT_FACTS = ['Image', 'User'];
/** By record type; what a rule matched is added. */
const RECORD_FACTS: Readonly<Record<string, readonly string[]>> = {
  SYSCALL: ['SYSCALL', 'exe', 'comm', 'success'],
  PATH: ['name', 'nametype'],
  CWD: ['cwd'],
  SOCKADDR: ['saddr'],
  PROCTITLE: ['proctitle'],
};
const OTHER_RECORD_FACTS = ['op', 'acct', 'exe', 'unit', 'hostname', 'addr', 'terminal', 'res'];
/** Never the same twice, whatever the rule asked. */
const VOLATILE = new Set(['pid', 'ppid', 'opid', 'oses', 'ses', 'old-ses', 'item', 'items', 'inode']);
const ARGUMENTS_MAX = 64;
const TITLE_MAX_CHARS = 250;

export function draftFilter(options: FilterOptions): FilterDraft {
  const drafter = new Drafter(options);
  const selections = drafter.selections();
  if (selections.length === 0) return { notes: ['the alert holds no fact that a filter could go by'] };
  const { rule, event, alertId } = options;
  const names = selections.length === 1 ? ['selection'] : selections.map((_, i) => `selection_${i + 1}`);
  const document = {
    title: titleOf(rule.title, drafter),
    id: uuidOf(JSON.stringify([rule.id, selections])),
    description: `Silences what the alert ${alertId} told of, and nothing else: look whether it may be so always.`,
    date: new Date(event.timeMs).toISOString().slice(0, 10),
    logsource: rule.logsource,
    filter: {
      rules: [rule.id],
      ...Object.fromEntries(names.map((name, i) => [name, selections[i]!])),
      condition: names.length === 1 ? 'not selection' : 'not 1 of selection_*',
    },
  };
  return { text: yamlText(document), notes: drafter.notes };
}

function titleOf(title: string, drafter: Drafter): string {
  const image = drafter.first('Image') ?? drafter.first('exe');
  const user = drafter.first('User');
  const program =
    image === undefined
      ? ''
      : ` (${image.slice(image.lastIndexOf('/') + 1)}${user === undefined ? '' : ` as ${user}`})`;
  return `Expected here: ${title}${program}`.slice(0, TITLE_MAX_CHARS);
}

class Drafter {
  readonly notes: string[] = [];
  readonly #options: FilterOptions;
  readonly #lookup: Lookup;

  constructor(options: FilterOptions) {
    this.#options = options;
    const { stream, event, records, matched } = options;
    this.#lookup = withMatched(eventLookup(stream, event, records[0]), matched);
  }

  first(field: string): string | undefined {
    const { items, count } = this.#lookup(field);
    return count === 0 ? undefined : items[0];
  }

  selections(): Selection[] {
    const { stream, event, records } = this.#options;
    const of = (facts: readonly string[]): Selection[] => {
      const selection = this.#ofEvent(facts);
      return Object.keys(selection).length === 0 ? [] : [selection];
    };
    if (stream === 'record') return distinct(records.map((record, i) => this.#ofRecord(record, i === 0)));
    if (stream === 'network') return of(event.kind === 'accept' ? ACCEPT_FACTS : CONNECT_FACTS);
    if (stream === 'log') return of([...LOG_FACTS, 'message']);
    return of(EXEC_FACTS);
  }

  #ofEvent(facts: readonly string[]): Selection {
    const entries: [string, string | number][] = [];
    for (const field of facts) {
      const value = this.first(field);
      if (value === undefined && field === 'User') {
        const id = this.first('user.id');
        if (id !== undefined) entries.push(['user.id', id]);
      } else if (value !== undefined) entries.push(this.#condition(field, value, this.#isCut(field)));
    }
    return Object.fromEntries(entries);
  }

  #ofRecord(record: RecordView, isFirst: boolean): Selection {
    const { event, matched } = this.#options;
    const ofMatch = isFirst ? matched.flatMap(({ field }) => (field === undefined ? [] : [field])) : [];
    const fields = new Set(['type', ...ofMatch, ...factsOf(record), ...RECORD_EVENT_FACTS]);
    const isCut = event.warnings.includes('records_truncated');
    const entries: [string, string | number][] = [];
    for (const field of fields) {
      if (VOLATILE.has(field)) continue;
      const values = new Values();
      recordField(field)(record, event, values);
      if (values.count > 0) entries.push(this.#condition(field, values.items[0]!, isCut && field !== 'type'));
    }
    if (record.type === 'EXECVE' && Number(record.get('argc')) > ARGUMENTS_MAX) {
      this.notes.push(`of the command's arguments the first ${ARGUMENTS_MAX} are compared`);
    }
    return Object.fromEntries(entries);
  }

  #condition(field: string, value: string, isCut: boolean): [string, string | number] {
    if (field.endsWith('Port') && /^\d{1,5}$/.test(value)) return [field, Number(value)];
    if (field === 'Initiated' || field.endsWith('Ip') || field === 'type') return [field, value];
    const text = field === 'message' ? messageText(value) : globText(literalGlob(value));
    if (!isCut) return [`${field}|cased`, text];
    this.notes.push(`the line holds only the beginning of ${field}: whatever begins like it is silenced`);
    return [`${field}|startswith|cased`, text];
  }

  /** Whether the line holds only the beginning of the field. */
  #isCut(field: string): boolean {
    const { warnings } = this.#options.event;
    if (field !== 'CommandLine') return warnings.includes('text_truncated') && field.endsWith('Image');
    if (!warnings.includes('argv_truncated')) return false;
    const { process } = this.#options.event;
    const { args, argsCount, commandLine } = process?.image ?? {};
    return args === undefined || args.length !== argsCount || args.join(' ') !== commandLine;
  }
}

/** The message with `*` for each number that is another next time. */
function messageText(message: string): string {
  const parts = message.split(PASSING_NUMBER);
  return globText(parts.flatMap((part, i): Glob => (i === 0 ? literalGlob(part) : [ANY, ...literalGlob(part)])));
}

function factsOf(record: RecordView): readonly string[] {
  if (record.type !== 'EXECVE') return RECORD_FACTS[record.type] ?? OTHER_RECORD_FACTS;
  const count = Math.min(Number(record.get('argc')) || 0, ARGUMENTS_MAX);
  return ['argc', ...Array.from({ length: count }, (_, i) => `a${i}`)];
}

function distinct(selections: readonly Selection[]): Selection[] {
  return [...new Map(selections.map(selection => [JSON.stringify(selection), selection])).values()];
}

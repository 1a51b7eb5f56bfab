// `rules fields`: the names that a rule may use, what each holds, and why no event has it where that is so.

import { LOG_SERVICES } from '../logs/services.ts';
import { fieldDoc } from '../rules/field-docs.ts';
import { canonicalName, FIELDS, FILE_STREAM_NAMES, fieldNames, isFileStream, type Stream } from '../rules/fields.ts';
import { feedOf, streamsOf } from '../rules/logsource.ts';
import { didYouMean } from '../rules/problem.ts';
import { choice, readArguments, UsageError } from './args.ts';
import type { Io } from './io.ts';
import { type Column, table, tabSeparated } from './table.ts';

const FORMATS = ['table', 'tsv', 'json'] as const;
/** What a rule writes to be asked about the stream's events. */
const LOGSOURCE = {
  exec: 'process_creation',
  network: 'network_connection',
  dns: 'dns',
  record: 'auditd',
  log: 'logs',
} as const;
const logsourceOf = (stream: Stream): string => (isFileStream(stream) ? stream : LOGSOURCE[stream]);

export interface FieldRow {
  /** As Sigma calls it, else as ECS does; several names of one field. */
  readonly names: readonly string[];
  /** The field's place in a line, where it has one. */
  readonly ecs?: string;
  readonly logsources: readonly string[];
  readonly holds?: string;
  /** Why no event has it. */
  readonly why?: string;
}

export function rulesFields(argv: readonly string[], io: Io): number {
  const args = readArguments(argv, { format: { type: 'string' } }, []);
  const format = choice(args, 'format', FORMATS) ?? (io.outColumns === undefined ? 'tsv' : 'table');
  if (args.operands.length > 1) throw new UsageError('one logsource at most: a category or a service');
  const [logsource] = args.operands;
  const rows = fieldRows(logsource === undefined ? undefined : streamsNamed(logsource));
  if (format === 'json') io.out(`${JSON.stringify(rows, null, 2)}\n`);
  else io.out(format === 'tsv' ? tabSeparated(COLUMNS, rows) : table(COLUMNS, rows, io.outColumns ?? 120));
  return 0;
}

function streamsNamed(name: string): readonly Stream[] {
  const streams = [...streamsOf({ category: name }), ...streamsOf({ service: name })];
  if (streams.length > 0) return streams;
  const names = [
    LOGSOURCE.exec,
    LOGSOURCE.network,
    'dns',
    'dns_query',
    ...FILE_STREAM_NAMES,
    LOGSOURCE.record,
    ...LOG_SERVICES,
  ];
  const near = didYouMean(name, names);
  const feed = feedOf({ category: name });
  const why =
    near === undefined && 'notFed' in feed && feed.help === undefined ? feed.notFed : `no logsource "${name}"`;
  throw new UsageError(`${why}; ${near ?? `known are ${names.join(', ')}`}`);
}

/** Of the streams, else of all; then audit's own names, which are many, are one row. */
export function fieldRows(streams?: readonly Stream[]): FieldRow[] {
  const rows = new Map<string, { names: string[]; logsources: string[]; why?: string }>();
  for (const stream of ['exec', 'network', 'dns', ...FILE_STREAM_NAMES, 'log'] as const) {
    if (streams !== undefined && !streams.includes(stream)) continue;
    for (const name of fieldNames(stream)) {
      const canonical = canonicalName(name);
      const row = rows.get(canonical) ?? { names: [], logsources: [] };
      if (!row.names.includes(name)) row.names.push(name);
      if (!row.logsources.includes(logsourceOf(stream))) row.logsources.push(logsourceOf(stream));
      const why = FIELDS[stream].get(canonical)?.why;
      rows.set(canonical, why === undefined ? row : { ...row, why });
    }
  }
  const fields = [...rows].map(([canonical, row]): FieldRow => {
    const holds = fieldDoc(canonical);
    const ecs = canonical.includes('.') || canonical === 'message' ? canonical : undefined;
    return { ...row, ...(ecs !== undefined && { ecs }), ...(holds !== undefined && { holds }) };
  });
  // Sigma's names first.
  fields.sort((a, b) => Number(/^[a-z]/.test(a.names[0]!)) - Number(/^[a-z]/.test(b.names[0]!)));
  if (streams === undefined) return [...fields, AUDIT_ROW];
  return streams.includes('record') ? [...fields, ...auditRows()] : fields;
}

const AUDIT_ROW: FieldRow = {
  names: ['type', 'syscall', 'exe', 'name', 'a0', '...'],
  logsources: [LOGSOURCE.record],
  holds: 'audit\'s own names, as one record has them: "rules fields auditd" lists them',
};

function auditRows(): FieldRow[] {
  const own = [...fieldNames('record'), 'a0'].map((name): FieldRow => {
    const holds = AUDIT_DOCS[name] ?? 'as the record has it, decoded';
    return { names: name === 'a0' ? ['a0', 'a1', '...'] : [name], logsources: [LOGSOURCE.record], holds };
  });
  const others = { names: ['Image', 'CommandLine', 'User', '...'], logsources: [LOGSOURCE.record] };
  return [
    ...own,
    { ...others, holds: "by a name that audit doesn't use: of the record's process, as process_creation" },
  ];
}

const AUDIT_DOCS: Readonly<Record<string, string>> = {
  type: "the record's type: SYSCALL, PATH, EXECVE, ...",
  syscall: "the system call's number, and its name",
  name: 'the path, absolute',
  key: 'each key of the kernel rule',
  a0: "a command's arguments in EXECVE; a system call's first four in hexadecimal in SYSCALL",
};

const COLUMNS: readonly Column<FieldRow>[] = [
  { name: 'names', value: ({ names }) => names.join(' '), least: 20 },
  { name: 'holds', value: ({ holds, why }) => (why === undefined ? (holds ?? '') : `nothing: ${why}`), least: 30 },
  { name: 'logsource', value: ({ logsources }) => logsources.join(' '), least: 16 },
];

export const RULES_FIELDS_HELP = `puppy-hids rules fields [--format table|tsv|json] [LOGSOURCE]

The names that a rule may use: Sigma's and ECS', what each holds, and why no event has it where that is so. LOGSOURCE is a category or
a service: process_creation, network_connection, auditd, or for "logs" one of ${LOG_SERVICES.join(', ')}.
`;

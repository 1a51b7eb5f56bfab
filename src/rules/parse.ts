// A rule file's text to rules, correlations, filters and problems. Pure; never throws, whatever the text.

import type { Rule } from './ast.ts';
import { type ParsedCorrelation, parseCorrelation, referencesOf } from './correlation-parse.ts';
import { parseDetection } from './detection.ts';
import { DocumentReader } from './document.ts';
import { type ParsedFilter, parseFilter } from './filter.ts';
import { type FindList, NO_LISTS } from './lists.ts';
import { type Problem, type Report, SourceText } from './problem.ts';
import { type MapNode, type Node, pairOf, readDocuments, scalarOf } from './yaml.ts';

export interface ParsedFile {
  readonly rules: readonly ParsedRule[];
  readonly correlations: readonly ParsedCorrelation[];
  readonly filters: readonly ParsedFilter[];
  readonly problems: readonly Problem[];
  /** Documents that gave nothing. */
  readonly rejected: number;
  /** Their ids and names, as far as they have any. */
  readonly rejectedNames: readonly string[];
}

/** A rule, with the means to tell later problems at their place. */
export interface ParsedRule {
  readonly rule: Rule;
  readonly source: SourceText;
  /** The document, for what is told about more than the rule's meaning. */
  readonly map: MapNode;
  readonly idRange: Node['range'];
}

const KEYS = ['logsource', 'detection', 'fields', 'puppy'];
const PROBLEMS_MAX = 200;

/** A file with this many errors isn't read further. */
class TooManyErrors extends Error {}

export function parseRules(file: string, text: string, lists: FindList = NO_LISTS): ParsedFile {
  const source = new SourceText(file, text);
  const problems: Problem[] = [];
  let errors = 0;
  let warnings = 0;
  const report: Report = (severity, code, range, message, help) => {
    const isError = severity === 'error';
    const count = isError ? ++errors : ++warnings;
    if (count <= PROBLEMS_MAX) problems.push(source.problem(severity, code, range, message, help));
    if (count !== PROBLEMS_MAX + 1) return;
    const more = isError ? 'the rest of the file is not read' : 'more warnings follow, which are not told';
    problems.push(source.problem(severity, 'too-many-problems', range, more));
    if (isError) throw new TooManyErrors();
  };
  const rules: ParsedRule[] = [];
  const correlations: ParsedCorrelation[] = [];
  const filters: ParsedFilter[] = [];
  const rejectedNames: string[] = [];
  let rejected = 0;
  try {
    const documents = readDocuments(text, report);
    rejected += documents.failed;
    const isSilent = silentIn(documents.nodes);
    for (const document of documents.nodes) {
      if (document.kind === 'scalar' && document.type === 'null') continue;
      // Until it has given something.
      rejected++;
      const names = document.kind === 'map' ? namesOf(document) : [];
      rejectedNames.push(...names);
      const reader = readerOf(document, source, report, lists);
      if (reader === undefined) continue;
      const silent = names.some(isSilent);
      let parsed: unknown;
      if (pairOf(reader.map, 'correlation') !== undefined)
        parsed = added(correlations, parseCorrelation(reader, silent));
      else if (pairOf(reader.map, 'filter') !== undefined) parsed = added(filters, parseFilter(reader));
      else parsed = added(rules, parseRule(reader, silent));
      if (parsed === undefined) continue;
      rejected--;
      rejectedNames.length -= names.length;
    }
  } catch (error) {
    if (!(error instanceof TooManyErrors)) throw error;
    rejected = Math.max(rejected, 1);
  }
  if (rules.length + correlations.length + filters.length === 0 && problems.length === 0)
    report('warning', 'empty-file', [0, 0], 'the file holds no rule');
  return { rules, correlations, filters, problems, rejected, rejectedNames };
}

function added<T>(list: T[], item: T | undefined): T | undefined {
  if (item !== undefined) list.push(item);
  return item;
}

/** What a reference may call the document. */
function namesOf(map: MapNode): string[] {
  return ['id', 'name'].flatMap(key => scalarOf(map, key)?.text ?? []);
}

/**
 * A document that a correlation of its own file refers to doesn't alert alone, unless one asks for it; so too when that
 * correlation is wrong: a slip there must not let loose the matches that it counts.
 */
function silentIn(documents: readonly Node[]): (name: string) => boolean {
  const quiet = new Set<string>();
  const loud = new Set<string>();
  for (const document of documents) {
    const { names, generate } = referencesOf(document);
    for (const name of names) (generate ? loud : quiet).add(name.toLowerCase());
  }
  return name => quiet.has(name.toLowerCase()) && !loud.has(name.toLowerCase());
}

function readerOf(document: Node, source: SourceText, report: Report, lists: FindList): DocumentReader | undefined {
  if (document.kind !== 'map') {
    report('error', 'structure', document.range, 'a rule must be a map of keys and values');
    return undefined;
  }
  const action = pairOf(document, 'action');
  if (action !== undefined) {
    const message = 'rule collections (action: global, repeat, reset) were removed from Sigma';
    report('error', 'unsupported-action', action.keyRange, message, 'write each rule in full');
    return undefined;
  }
  const kinds = ['detection', 'correlation', 'filter'].flatMap(kind => pairOf(document, kind) ?? []);
  if (kinds.length > 1) {
    const [first, second] = kinds;
    const message = `a document has "${first!.key}" or "${second!.key}", not both`;
    report('error', 'structure', second!.keyRange, message, 'begin a new document with a line ---');
    return undefined;
  }
  return new DocumentReader(document, source, report, lists);
}

function parseRule(reader: DocumentReader, silent: boolean): ParsedRule | undefined {
  const { map, source } = reader;
  reader.checkKeys(KEYS);
  const detectionPair = pairOf(map, 'detection');
  const logsource = reader.logsource();
  if (detectionPair === undefined) reader.report('error', 'structure', reader.place, 'the rule has no detection');
  const detection = detectionPair && parseDetection(detectionPair, reader);
  const info = reader.info(silent);
  const puppy = reader.puppy();
  const name = reader.text('name');
  const status = reader.status();
  if (reader.failed || detection === undefined || logsource === undefined) return undefined;
  const rule: Rule = {
    info,
    ...(name === undefined ? {} : { name }),
    ...(status === undefined ? {} : { status }),
    logsource,
    logsourceRange: pairOf(map, 'logsource')!.keyRange,
    ...detection,
    fields: reader.list('fields'),
    falsePositives: reader.list('falsepositives'),
    ...(puppy === undefined ? {} : { puppy }),
    ...(silent ? { silent } : {}),
    digest: reader.digest(),
  };
  return { rule, source, map, idRange: reader.idRange };
}

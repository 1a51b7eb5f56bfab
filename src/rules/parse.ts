// A rule file's text to rules and problems. Pure; never throws, whatever the text.

import { createHash } from 'node:crypto';
import { LEVELS, type Level } from '../core/event.ts';
import type { RuleInfo } from '../core/match.ts';
import type { Logsource, Rule } from './ast.ts';
import { parseDetection } from './detection.ts';
import { didYouMean, nearestWord, type Problem, type Report, SourceText } from './problem.ts';
import { parsePuppy } from './puppy.ts';
import { type MapNode, type Node, type Pair, pairOf, readDocuments } from './yaml.ts';

export interface ParsedFile {
  readonly rules: readonly ParsedRule[];
  readonly problems: readonly Problem[];
  /** Documents that gave no rule. */
  readonly rejected: number;
}

/** A rule, with the means to tell later problems at their place. */
export interface ParsedRule {
  readonly rule: Rule;
  readonly source: SourceText;
  /** The document, for what is told about more than the rule's meaning. */
  readonly map: MapNode;
  readonly idRange: Node['range'];
}

const KEYS = new Set(
  (
    'title id related name taxonomy status description license author references reference date modified logsource detection ' +
    'fields falsepositives level tags scope puppy custom_attributes'
  ).split(' '),
);
const PROBLEMS_MAX = 200;
const STATUSES = ['stable', 'test', 'experimental', 'deprecated', 'unsupported'];

export function parseRules(file: string, text: string): ParsedFile {
  const source = new SourceText(file, text);
  const problems: Problem[] = [];
  const rules: ParsedRule[] = [];
  let rejected = 0;
  const report: Report = (severity, code, range, message, help) => {
    if (problems.length < PROBLEMS_MAX) problems.push(source.problem(severity, code, range, message, help));
    else if (problems.length === PROBLEMS_MAX) {
      problems.push(source.problem('error', 'too-many-problems', range, 'more problems follow, which are not told'));
    }
  };
  const documents = readDocuments(text, report);
  rejected += documents.failed;
  for (const document of documents.nodes) {
    if (document.kind === 'scalar' && document.type === 'null') continue;
    const parsed = parseDocument(document, source, report);
    if (parsed === undefined) rejected++;
    else rules.push(parsed);
  }
  if (rules.length === 0 && problems.length === 0) report('warning', 'empty-file', [0, 0], 'the file holds no rule');
  return { rules, problems, rejected };
}

function parseDocument(document: Node, source: SourceText, report: Report): ParsedRule | undefined {
  if (document.kind !== 'map') {
    report('error', 'structure', document.range, 'a rule must be a map of keys and values');
    return undefined;
  }
  const unsupported: Readonly<Record<string, string>> = {
    correlation: 'not supported yet: correlation',
    filter: 'not supported yet: filter',
    action: 'rule collections (action: global, repeat, reset) were removed from Sigma',
  };
  for (const [key, message] of Object.entries(unsupported)) {
    const pair = pairOf(document, key);
    if (pair === undefined) continue;
    const help = key === 'action' ? 'write each rule in full' : undefined;
    report('error', `unsupported-${key}`, pair.keyRange, message, help);
    return undefined;
  }
  return new RuleParser(document, source, report).parse();
}

class RuleParser {
  readonly #map: MapNode;
  readonly #source: SourceText;
  #failed = false;
  readonly #report: Report;

  constructor(map: MapNode, source: SourceText, report: Report) {
    this.#map = map;
    this.#source = source;
    this.#report = (severity, code, range, message, help) => {
      if (severity === 'error') this.#failed = true;
      report(severity, code, range, message, help);
    };
  }

  parse(): ParsedRule | undefined {
    const map = this.#map;
    const place = map.pairs[0]?.keyRange ?? map.range;
    for (const pair of map.pairs) {
      const near = KEYS.has(pair.key) ? undefined : nearestWord(pair.key, KEYS);
      if (near !== undefined) {
        this.#report('warning', 'unknown-key', pair.keyRange, `unknown key "${pair.key}"`, didYouMean(pair.key, KEYS));
      }
    }
    const title = this.#text('title');
    if (title === undefined) this.#report('error', 'missing-title', place, 'the rule has no title');
    const logsourcePair = pairOf(map, 'logsource');
    const logsource = this.#logsource(logsourcePair);
    const detectionPair = pairOf(map, 'detection');
    if (detectionPair === undefined) this.#report('error', 'structure', place, 'the rule has no detection');
    const detection = detectionPair && parseDetection(detectionPair.value, this.#source, this.#report);
    const info = this.#info(title ?? '', place);
    const puppyPair = pairOf(map, 'puppy');
    const puppy = puppyPair && parsePuppy(puppyPair, this.#report);
    const name = this.#text('name');
    const status = this.#text('status');
    if (status !== undefined && !STATUSES.includes(status)) {
      const help = didYouMean(status, STATUSES) ?? `one of ${STATUSES.join(', ')}`;
      this.#report('warning', 'unknown-status', pairOf(map, 'status')!.value.range, `unknown status "${status}"`, help);
    }
    if (this.#failed || detection === undefined || logsource === undefined) return undefined;
    const rule: Rule = {
      info,
      ...(name === undefined ? {} : { name }),
      ...(status === undefined ? {} : { status }),
      logsource,
      logsourceRange: logsourcePair!.keyRange,
      ...detection,
      fields: this.#list('fields'),
      falsePositives: this.#list('falsepositives'),
      ...(puppy === undefined ? {} : { puppy }),
      digest: digestOf(this.#source.text.slice(...map.range)),
    };
    return { rule, source: this.#source, map, idRange: pairOf(map, 'id')?.value.range ?? place };
  }

  #text(key: string): string | undefined {
    const node = pairOf(this.#map, key)?.value;
    if (node === undefined || (node.kind === 'scalar' && node.type === 'null')) return undefined;
    if (node.kind === 'scalar') return node.text === '' ? undefined : node.text;
    this.#report('error', 'structure', node.range, `"${key}" must be text`);
    return undefined;
  }

  /** A list of texts; a single text is a list of one. */
  #list(key: string): string[] {
    const node = pairOf(this.#map, key)?.value;
    if (node === undefined) return [];
    const nodes = node.kind === 'list' ? node.items : [node];
    const texts: string[] = [];
    for (const item of nodes) {
      if (item.kind !== 'scalar') this.#report('warning', 'structure', item.range, `"${key}" must be a list of texts`);
      else if (item.type !== 'null') texts.push(item.text);
    }
    return texts;
  }

  #info(title: string, place: Node['range']): RuleInfo {
    const id = this.#text('id');
    if (id === undefined)
      this.#report('warning', 'missing-id', place, 'the rule has no id', 'alerts are told apart by it: add a UUID');
    const levelText = this.#text('level');
    const level = LEVELS.find(known => known === levelText?.toLowerCase());
    if (levelText === undefined)
      this.#report('warning', 'missing-level', place, 'the rule has no level; it counts as medium');
    else if (level === undefined) {
      const help = didYouMean(levelText, LEVELS) ?? `one of ${LEVELS.join(', ')}`;
      this.#report('error', 'bad-value', pairOf(this.#map, 'level')!.value.range, `unknown level "${levelText}"`, help);
    }
    const optional = {
      description: this.#text('description')?.trim(),
      reference: this.#list('references')[0] ?? this.#list('reference')[0],
      license: this.#text('license'),
      version: this.#text('modified') ?? this.#text('date'),
    };
    return {
      id: id ?? this.#text('name') ?? title,
      title,
      authors: (this.#text('author') ?? '')
        .split(',')
        .map(author => author.trim())
        .filter(author => author !== ''),
      level: level ?? ('medium' satisfies Level),
      file: this.#source.file,
      tags: this.#list('tags'),
      ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<RuleInfo>),
    };
  }

  #logsource(pair: Pair | undefined): Logsource | undefined {
    if (pair === undefined) {
      this.#report('error', 'structure', this.#map.pairs[0]?.keyRange ?? this.#map.range, 'the rule has no logsource');
      return undefined;
    }
    return parseLogsource(pair.value, this.#report);
  }
}

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url');

const LOGSOURCE_KEYS = ['category', 'product', 'service'] as const;

export function parseLogsource(node: Node, report: Report): Logsource | undefined {
  if (node.kind !== 'map') {
    report('error', 'structure', node.range, '"logsource" must be a map');
    return undefined;
  }
  const out: { -readonly [K in keyof Logsource]: string } = {};
  for (const pair of node.pairs) {
    const key = LOGSOURCE_KEYS.find(known => known === pair.key);
    if (key === undefined) {
      const near = didYouMean(pair.key, [...LOGSOURCE_KEYS, 'definition']);
      if (pair.key !== 'definition' && near !== undefined) {
        report('warning', 'unknown-key', pair.keyRange, `unknown key "${pair.key}" in logsource`, near);
      }
    } else if (pair.value.kind !== 'scalar') report('error', 'structure', pair.value.range, `"${key}" must be text`);
    else if (pair.value.type !== 'null') out[key] = pair.value.text.toLowerCase();
  }
  if (Object.keys(out).length === 0) {
    report('error', 'structure', node.range, 'the logsource names no category, product or service');
    return undefined;
  }
  return out;
}

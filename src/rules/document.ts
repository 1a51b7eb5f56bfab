// What every document of a rule file has, whatever its kind: title, id, level, texts; and the place of each. Pure.

import { createHash } from 'node:crypto';
import { LEVELS } from '../core/event.ts';
import type { RuleInfo } from '../core/match.ts';
import type { Logsource, PuppyBlock } from './ast.ts';
import type { FindList } from './lists.ts';
import { parseLogsource } from './parse-logsource.ts';
import { didYouMean, nearestWord, type Range, type Report, type SourceText } from './problem.ts';
import { parsePuppy } from './puppy.ts';
import { headOf, type MapNode, pairOf } from './yaml.ts';

/** Of every kind of document. */
const KEYS = (
  'title id related name taxonomy status description license author references reference date modified falsepositives level tags ' +
  'scope custom_attributes'
).split(' ');
const STATUSES = ['stable', 'test', 'experimental', 'deprecated', 'unsupported'];

/** A document, and whether anything was wrong with it. */
export class DocumentReader {
  readonly map: MapNode;
  readonly source: SourceText;
  readonly report: Report;
  readonly lists: FindList;
  readonly #usedLists = new Set<string>();
  readonly #noun: 'rule' | 'filter';
  #failed = false;

  constructor(map: MapNode, source: SourceText, report: Report, lists: FindList) {
    this.#noun = map.pairs.some(({ key }) => key === 'filter') ? 'filter' : 'rule';
    this.map = map;
    this.source = source;
    this.report = (severity, code, range, message, help) => {
      if (severity === 'error') this.#failed = true;
      report(severity, code, range, message, help);
    };
    this.lists = name => {
      const found = lists(name);
      if ('digest' in found) this.#usedLists.add(found.digest);
      return found;
    };
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Where a problem of the document as a whole is told. */
  get place(): Range {
    return headOf(this.map);
  }

  get idRange(): Range {
    return pairOf(this.map, 'id')?.value.range ?? this.place;
  }

  /** Of the document's text and of the lists that it used until now. */
  digest(): string {
    return digestOf([this.source.text.slice(...this.map.range), ...[...this.#usedLists].sort()]);
  }

  /** `own`: keys of this kind of document. Sigma lets anybody add others: only what looks like a slip is told. */
  checkKeys(own: readonly string[]): void {
    const known = new Set([...KEYS, ...own]);
    for (const { key, keyRange } of this.map.pairs) {
      const near = known.has(key) ? undefined : nearestWord(key, known);
      if (near !== undefined) {
        this.report('warning', 'unknown-key', keyRange, `unknown key "${key}"`, didYouMean(key, known));
      }
    }
  }

  text(key: string): string | undefined {
    const node = pairOf(this.map, key)?.value;
    if (node === undefined || (node.kind === 'scalar' && node.type === 'null')) return undefined;
    if (node.kind === 'scalar') return node.text === '' ? undefined : node.text;
    this.report('error', 'structure', node.range, `"${key}" must be text`);
    return undefined;
  }

  /** A list of texts; a single text is a list of one. */
  list(key: string): string[] {
    const node = pairOf(this.map, key)?.value;
    if (node === undefined) return [];
    const nodes = node.kind === 'list' ? node.items : [node];
    const texts: string[] = [];
    for (const item of nodes) {
      if (item.kind !== 'scalar') this.report('warning', 'structure', item.range, `"${key}" must be a list of texts`);
      else if (item.type !== 'null') texts.push(item.text);
    }
    return texts;
  }

  title(): string {
    const title = this.text('title');
    if (title === undefined) this.report('error', 'missing-title', this.place, `the ${this.#noun} has no title`);
    return title ?? '';
  }

  /** `isBase`: the document alerts through a correlation of its file alone, so that its level says nothing. */
  info(isBase: boolean): RuleInfo {
    const title = this.title();
    const id = this.text('id');
    if (id === undefined && !isBase)
      this.report('warning', 'missing-id', this.place, 'the rule has no id', 'alerts are told apart by it: add a UUID');
    const optional = {
      description: this.text('description')?.trim(),
      reference: this.list('references')[0] ?? this.list('reference')[0],
      license: this.text('license'),
      version: this.text('modified') ?? this.text('date'),
    };
    return {
      id: id ?? this.text('name') ?? title,
      title,
      authors: (this.text('author') ?? '')
        .split(',')
        .map(author => author.trim())
        .filter(author => author !== ''),
      level: this.#level(isBase),
      file: this.source.file,
      tags: this.list('tags'),
      ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<RuleInfo>),
    };
  }

  #level(isBase: boolean): RuleInfo['level'] {
    const text = this.text('level');
    const level = LEVELS.find(known => known === text?.toLowerCase());
    if (text === undefined) {
      if (!isBase) this.report('warning', 'missing-level', this.place, 'the rule has no level; it counts as medium');
    } else if (level === undefined) {
      const help = didYouMean(text, LEVELS) ?? `one of ${LEVELS.join(', ')}`;
      this.report('error', 'bad-value', pairOf(this.map, 'level')!.value.range, `unknown level "${text}"`, help);
    }
    return level ?? 'medium';
  }

  status(): string | undefined {
    const status = this.text('status');
    if (status !== undefined && !STATUSES.includes(status)) {
      const help = didYouMean(status, STATUSES) ?? `one of ${STATUSES.join(', ')}`;
      this.report(
        'warning',
        'unknown-status',
        pairOf(this.map, 'status')!.value.range,
        `unknown status "${status}"`,
        help,
      );
    }
    return status;
  }

  puppy(): PuppyBlock | undefined {
    const pair = pairOf(this.map, 'puppy');
    return pair && parsePuppy(pair, this.report);
  }

  logsource(): Logsource | undefined {
    const pair = pairOf(this.map, 'logsource');
    if (pair !== undefined) return parseLogsource(pair.value, this.report);
    this.report('error', 'structure', this.place, `the ${this.#noun} has no logsource`);
    return undefined;
  }
}

export function digestOf(texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}\0`).update(text);
  return hash.digest('base64url');
}

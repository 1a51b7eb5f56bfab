// YAML documents as positioned nodes: what the rule parser walks. Hides aliases and bounds the walk. Pure.

import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type ParsedNode,
  parseAllDocuments,
  type YAMLMap,
} from 'yaml';
import type { Range, Report } from './problem.ts';
import { yamlProblems } from './yaml-problems.ts';

/** A document's node with its place. Scalars keep what was written: `0700` is the text 0700. */
export type Node =
  | { readonly kind: 'map'; readonly range: Range; readonly pairs: readonly Pair[] }
  | { readonly kind: 'list'; readonly range: Range; readonly items: readonly Node[] }
  | { readonly kind: 'scalar'; readonly range: Range; readonly text: string; readonly type: ScalarType };

type ScalarType = 'string' | 'number' | 'boolean' | 'null';

export interface Pair {
  readonly key: string;
  readonly keyRange: Range;
  readonly value: Node;
}

export type MapNode = Extract<Node, { kind: 'map' }>;
export type Scalar = Extract<Node, { kind: 'scalar' }>;

const NODES_MAX = 200_000;
const DEPTH_MAX = 64;

class TooLarge extends Error {}

/** The documents of `text`; one with an error is reported, counted as failed, and left out. Never throws. */
export function readDocuments(
  text: string,
  report: Report,
): { readonly nodes: readonly Node[]; readonly failed: number } {
  const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(text);
  if (control !== null) {
    const code = `U+${control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
    const help = 'if it is meant, write it as an escape in double quotes, such as "\\x1b"';
    report('error', 'yaml', [control.index, control.index + 1], `the control character ${code}`, help);
    return { nodes: [], failed: 1 };
  }
  let documents: Document.Parsed<ParsedNode>[];
  try {
    const parsed = parseAllDocuments(text, {
      prettyErrors: false,
      strict: true,
      uniqueKeys: false,
      logLevel: 'silent',
    });
    documents = Array.isArray(parsed) ? parsed : [];
  } catch {
    report('error', 'yaml', [0, 0], 'the YAML is nested too deeply');
    return { nodes: [], failed: 1 };
  }
  const nodes: Node[] = [];
  let failed = 0;
  for (const document of documents) {
    const wrong = [...document.errors, ...document.warnings.filter(({ code }) => code !== 'BAD_DIRECTIVE')];
    for (const { range, message, help } of yamlProblems(text, wrong, document.contents)) {
      report('error', 'yaml', range, message, help);
    }
    if (wrong.length > 0) failed++;
    if (wrong.length > 0 || document.contents === null) continue;
    const walk = new Walk(text, report);
    try {
      const node = walk.node(document.contents, 0);
      walk.finish();
      if (walk.failed) failed++;
      else nodes.push(node);
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      report('error', 'yaml', rangeOf(document.contents), error.message);
      failed++;
    }
  }
  return { nodes, failed };
}

function rangeOf(node: ParsedNode | null): Range {
  const range = node?.range;
  return range ? [range[0], range[1]] : [0, 0];
}

class Walk {
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #unused = new Map<string, Range>();
  readonly #text: string;
  readonly #report: Report;
  #count = 0;
  failed = false;

  constructor(text: string, report: Report) {
    this.#text = text;
    this.#report = report;
  }

  node(node: ParsedNode | null, depth: number): Node {
    // Aliases can make a small file large, and a circle endless.
    if (depth > DEPTH_MAX) throw new TooLarge('the document is nested too deeply');
    if (++this.#count > NODES_MAX) throw new TooLarge('the document is too large once its aliases are followed');
    const range = rangeOf(node);
    if (isAlias(node)) return this.#alias(node, range, depth);
    if (node?.anchor !== undefined) {
      if (!this.#anchors.has(node.anchor)) this.#unused.set(node.anchor, range);
      this.#anchors.set(node.anchor, node);
    }
    if (isMap(node)) return { kind: 'map', range, pairs: this.#pairs(node as YAMLMap.Parsed, depth) };
    if (isSeq(node))
      return { kind: 'list', range, items: node.items.map(item => this.node(item as ParsedNode, depth + 1)) };
    if (!isScalar(node)) return { kind: 'scalar', range, text: '', type: 'null' };
    const { value } = node;
    if (value === null || value === undefined) return { kind: 'scalar', range, text: '', type: 'null' };
    if (typeof value === 'string') return { kind: 'scalar', range, text: value, type: 'string' };
    const text = node.source ?? String(value);
    return { kind: 'scalar', range, text, type: typeof value === 'boolean' ? 'boolean' : 'number' };
  }

  #alias(node: Alias, range: Range, depth: number): Node {
    const target = this.#anchors.get(node.source);
    if (target === undefined) {
      const help = `if the value begins with "*", put it in single quotes: '*${node.source}'`;
      this.#error(range, `no anchor is named "${node.source}"`, help);
      return { kind: 'scalar', range, text: '', type: 'null' };
    }
    this.#unused.delete(node.source);
    return { ...this.node(target, depth + 1), range };
  }

  /** What shows only when all was seen. */
  finish(): void {
    for (const [name, [start]] of this.#unused) {
      const at = Math.max(0, this.#text.lastIndexOf(`&${name}`, start));
      const help = `if the value begins with "&", put it in single quotes: '&${name}…'`;
      this.#report(
        'warning',
        'unused-anchor',
        [at, at + name.length + 1],
        `nothing refers to the anchor "${name}"`,
        help,
      );
    }
  }

  #error(range: Range, message: string, help?: string): void {
    this.failed = true;
    this.#report('error', 'yaml', range, message, help);
  }

  #pairs(map: YAMLMap.Parsed, depth: number): Pair[] {
    const keys = new Set<string>();
    return map.items.map(pair => {
      const keyNode = this.node(pair.key, depth + 1);
      const value = this.node(pair.value, depth + 1);
      const place: Range = value.range[1] > 0 ? value.range : keyNode.range;
      const key = keyNode.kind === 'scalar' ? keyNode.text : '?';
      if (keyNode.kind !== 'scalar') this.#error(keyNode.range, 'a key must be plain text');
      else if (keyNode.type === 'null') this.#error(keyNode.range, 'the key before this ":" is missing');
      else if (key === '<<') this.#error(keyNode.range, 'YAML merge keys are not supported', 'write the keys in full');
      // The library's own check compares each key with each other.
      else if (keys.has(key))
        this.#error(keyNode.range, `the key "${key}" is there twice`, 'put the values in one list');
      keys.add(key);
      return { key, keyRange: keyNode.range, value: { ...value, range: place } };
    });
  }
}

export const pairOf = (map: MapNode, key: string): Pair | undefined => map.pairs.find(pair => pair.key === key);

/** The value of `key` where it is a text that isn't empty. */
export function scalarOf(map: MapNode, key: string): Scalar | undefined {
  const node = pairOf(map, key)?.value;
  return node?.kind === 'scalar' && node.text !== '' ? node : undefined;
}

/** True or false, however it is written. */
export function booleanOf(node: Node | undefined): boolean | undefined {
  if (node?.kind !== 'scalar' || !/^(?:true|false)$/i.test(node.text)) return undefined;
  return node.text.toLowerCase() === 'true';
}

/** Where a problem of the map as a whole is told. */
export const headOf = (map: MapNode): Range => map.pairs[0]?.keyRange ?? map.range;

/** A node as plain JSON; numbers as written become numbers where that is exact, else text. */
export function plainValue(node: Node): unknown {
  if (node.kind === 'list') return node.items.map(plainValue);
  if (node.kind === 'map') return Object.fromEntries(node.pairs.map(pair => [pair.key, plainValue(pair.value)]));
  if (node.type === 'null') return null;
  if (node.type === 'boolean') return node.text.toLowerCase() === 'true';
  if (node.type === 'number' && String(Number(node.text)) === node.text) return Number(node.text);
  return node.text;
}

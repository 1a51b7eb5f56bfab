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

const NODES_MAX = 200_000;
const DEPTH_MAX = 64;

class TooLarge extends Error {}

/** The documents of `text`; one with an error is reported, counted as failed, and left out. Never throws. */
export function readDocuments(
  text: string,
  report: Report,
): { readonly nodes: readonly Node[]; readonly failed: number } {
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
    for (const error of document.errors) {
      // The composer's own bound is the stack's.
      const isDepth = error.message.startsWith('Maximum call stack');
      report('error', 'yaml', error.pos, isDepth ? 'the YAML is nested too deeply' : error.message);
    }
    if (document.errors.length > 0) failed++;
    if (document.errors.length > 0 || document.contents === null) continue;
    const walk = new Walk(report);
    try {
      const node = walk.node(document.contents, 0);
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
  readonly #report: Report;
  #count = 0;
  failed = false;

  constructor(report: Report) {
    this.#report = report;
  }

  node(node: ParsedNode | null, depth: number): Node {
    // Aliases can make a small file large, and a circle endless.
    if (depth > DEPTH_MAX) throw new TooLarge('the document is nested too deeply');
    if (++this.#count > NODES_MAX) throw new TooLarge('the document is too large once its aliases are followed');
    const range = rangeOf(node);
    if (isAlias(node)) return this.#alias(node, range, depth);
    if (node?.anchor !== undefined) this.#anchors.set(node.anchor, node);
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
    if (target === undefined) return { kind: 'scalar', range, text: '', type: 'null' };
    return { ...this.node(target, depth + 1), range };
  }

  #pairs(map: YAMLMap.Parsed, depth: number): Pair[] {
    const keys = new Set<string>();
    return map.items.map(pair => {
      const keyNode = this.node(pair.key, depth + 1);
      const value = this.node(pair.value, depth + 1);
      const place: Range = value.range[1] > 0 ? value.range : keyNode.range;
      const key = keyNode.kind === 'scalar' ? keyNode.text : '?';
      // The library's own check compares each key with each other.
      if (keys.has(key)) {
        this.failed = true;
        this.#report('error', 'yaml', keyNode.range, `the key "${key}" is there twice`);
      }
      keys.add(key);
      return { key, keyRange: keyNode.range, value: { ...value, range: place } };
    });
  }
}

export const pairOf = (map: MapNode, key: string): Pair | undefined => map.pairs.find(pair => pair.key === key);

/** A node as plain JSON; numbers as written become numbers where that is exact, else text. */
export function plainValue(node: Node): unknown {
  if (node.kind === 'list') return node.items.map(plainValue);
  if (node.kind === 'map') return Object.fromEntries(node.pairs.map(pair => [pair.key, plainValue(pair.value)]));
  if (node.type === 'null') return null;
  if (node.type === 'boolean') return node.text.toLowerCase() === 'true';
  if (node.type === 'number' && String(Number(node.text)) === node.text) return Number(node.text);
  return node.text;
}

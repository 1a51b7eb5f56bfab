// The configuration file's text as a tree, with the place of every key and value. Pure.

import { type Document, isMap, isScalar, isSeq, type Node, type Pair, parseDocument } from 'yaml';
import { type Problem, type Range, SourceText } from '../rules/problem.ts';
import type { Path } from './validate.ts';

const MAX_ALIASES = 50;

export class YamlSource {
  readonly source: SourceText;
  readonly tree: unknown;
  readonly problems: readonly Problem[];
  readonly #document: Document.Parsed;

  constructor(file: string, text: string) {
    this.source = new SourceText(file, text);
    this.#document = parseDocument(text, {
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: true,
      logLevel: 'silent',
    });
    const problems = [
      ...this.#document.errors.map(error => this.source.problem('error', 'yaml', error.pos, error.message)),
      ...this.#document.warnings.map(warning => this.source.problem('warning', 'yaml', warning.pos, warning.message)),
    ];
    let tree: unknown = {};
    if (this.#document.errors.length === 0) {
      try {
        tree = this.#document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
      } catch (error) {
        problems.push(
          this.source.problem('error', 'yaml', [0, 1], error instanceof Error ? error.message : String(error)),
        );
      }
    }
    this.tree = tree;
    this.problems = problems;
  }

  /** Where the value at `path` stands, or with `key` its key; the nearest that exists. */
  range(path: Path, key = false): Range {
    let node: unknown = this.#document.contents;
    let found: Range = [0, 1];
    for (const [index, part] of path.entries()) {
      const last = index === path.length - 1;
      const item = child(node, part);
      if (item === undefined) return found;
      if (isPair(item)) {
        const keyRange = rangeOf(item.key);
        found = (last && key ? keyRange : rangeOf(item.value)) ?? keyRange ?? found;
        node = item.value;
      } else {
        found = rangeOf(item) ?? found;
        node = item;
      }
    }
    return found;
  }
}

function isPair(item: unknown): item is Pair {
  return typeof item === 'object' && item !== null && 'key' in item && 'value' in item;
}

function child(node: unknown, part: string | number): unknown {
  if (isMap(node)) return node.items.find(pair => (isScalar(pair.key) ? String(pair.key.value) : '') === String(part));
  if (isSeq(node)) return node.items[Number(part)];
  return undefined;
}

function rangeOf(node: unknown): Range | undefined {
  const range = (node as Node | null)?.range;
  return range == null ? undefined : [range[0], range[1]];
}

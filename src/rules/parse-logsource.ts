// The `logsource` of a document. Pure.

import type { Logsource } from './ast.ts';
import { didYouMean, type Report } from './problem.ts';
import type { Node } from './yaml.ts';

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

// Documents as YAML that a person can edit, a terminal can't be steered by, and the rule parser reads back exactly. Pure.

import { Document, isScalar, visit } from 'yaml';
import { escapeUnits, HIDDEN } from '../core/hidden.ts';

/** Written as escapes, which only double quotes know. */
const NEEDS_QUOTES = new RegExp(`[\\u0000-\\u0009\\u000b-\\u001f\\ud800-\\udfff]|${HIDDEN.source}`);
/** Several lines of which one is blank, or begins or ends with a blank: a block would not keep them. */
const ODD_LINES = /^\s[\s\S]*\n|\n\s|\s\n/;

/** One document, with the lines of `comment` above it. Its keys are the caller's own words. */
export function yamlText(value: object, comment: readonly string[] = []): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || !isScalar(node) || typeof node.value !== 'string') return;
      if (NEEDS_QUOTES.test(node.value) || ODD_LINES.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  const options = { lineWidth: 0, minContentWidth: 0, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER };
  const text = document.toString(options).replace(HIDDEN, escapeUnits);
  const above = comment
    .flatMap(line => line.split('\n'))
    .map(line => `# ${line.replace(new RegExp(NEEDS_QUOTES, 'g'), ' ')}\n`);
  return above.join('') + text;
}

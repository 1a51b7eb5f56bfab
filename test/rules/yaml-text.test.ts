// What is written as YAML reads back as it was, and holds nothing that a terminal would take for more than text.

import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { plainValue, readDocuments } from '../../src/rules/yaml.ts';
import { yamlText } from '../../src/rules/yaml-text.ts';

const unit = fc.oneof(
  fc.constantFrom(...' \t\n\r\0"\'#:-?*\\&![]{}|>%@,~nul0.e\x1b\x7f\x85\u00ad\u2028\u202e\ufeff\u{e0041}😀ü'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);
const text = fc.string({ unit, maxLength: 12 });

test('any text, in any place', () => {
  fc.assert(
    fc.property(text, text, fc.array(text, { minLength: 1, maxLength: 3 }), (a, b, list) => {
      const value = { title: a, filter: { rules: list, selection: { 'Image|cased': b, Port: 443 } } };
      const written = yamlText(value, [a]);
      const problems: string[] = [];
      const { nodes } = readDocuments(written, (_severity, _code, _range, message) => problems.push(message));
      expect(problems).toEqual([]);
      expect(nodes.map(plainValue)).toEqual([value]);
      expect(written).not.toMatch(
        /[\0-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\ufeff]|\udb40[\udc00-\udc7f]/,
      );
    }),
    { numRuns: 500 * Number(process.env.FUZZ ?? 1) },
  );
});

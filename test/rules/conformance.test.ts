// Sigma's semantics as the conformance file beside the project lists them: its detection cases, whole.

import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Document, isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';
import { interpret } from '../../src/rules/interpret.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { Values } from '../../src/rules/values.ts';
import { hasSigma, SIGMA } from './helpers.ts';

interface Case {
  readonly id: string;
  readonly why?: string;
  readonly logsource?: Record<string, string>;
  readonly filters?: unknown;
  readonly expect?: 'reject';
  readonly tests?: readonly { event: Record<string, unknown>; match: boolean; logsource?: Record<string, string> }[];
}

/** Each case with its detection as the YAML it was written in. */
function cases(): { readonly entry: Case; readonly detection: string }[] {
  const document = parseDocument(readFileSync(join(SIGMA, 'conformance.yml'), 'utf8'));
  const list = document.get('cases') as unknown as { items: YAMLMap[] };
  return list.items.filter(isMap).map(item => {
    const detection = item.items.find(pair => isScalar(pair.key) && pair.key.value === 'detection')!.value;
    return { entry: item.toJSON() as Case, detection: new Document(detection).toString() };
  });
}

const indent = (text: string): string => text.replace(/^/gm, '  ');

function lookupOf(event: Record<string, unknown>): (field: string | undefined) => Values {
  return field => {
    const values = new Values();
    if (field !== undefined) values.addJson(Object.hasOwn(event, field) ? event[field] : undefined);
    else for (const value of Object.values(event)) if (value !== null) values.addJson(value);
    return values;
  };
}

// Absent outside the workplace: the file is other people's data and isn't copied.
describe.if(hasSigma)('conformance', () => {
  for (const { entry, detection } of hasSigma ? cases() : []) {
    // Filters are their own kind of document.
    if (entry.filters !== undefined) continue;
    test(`${entry.id} ${entry.why ?? ''}`, () => {
      const logsource = entry.logsource ?? { category: 'any', product: 'linux' };
      const text = `title: ${entry.id}\nid: ${entry.id}\nlogsource: ${JSON.stringify(logsource)}\ndetection:\n${indent(detection)}`;
      const { rules, problems } = parseRules('case.yml', text);
      if (entry.expect === 'reject') {
        expect(rules).toEqual([]);
        expect(problems.some(problem => problem.severity === 'error' && problem.line > 0)).toBe(true);
        return;
      }
      expect(problems.filter(problem => problem.severity === 'error')).toEqual([]);
      const { rule } = rules[0]!;
      const ruleset = compileRuleset([rule]);
      for (const one of entry.tests ?? []) {
        const matches = ruleset.evaluateFields(one.event, one.logsource ?? logsource);
        expect([one, matches.length > 0]).toEqual([one, one.match]);
        if (one.logsource === undefined) expect([one, interpret(rule, lookupOf(one.event))]).toEqual([one, one.match]);
      }
    });
  }
});

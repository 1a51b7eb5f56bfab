// Sigma's semantics as the conformance file beside the project lists them, whole: detection, filters, correlations.

import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Document, isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';
import { interpret } from '../../src/rules/interpret.ts';
import { joinDocuments } from '../../src/rules/join.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { runRuleTests } from '../../src/rules/tests.ts';
import { Values } from '../../src/rules/values.ts';
import { hasSigma, SIGMA } from './helpers.ts';

interface Case {
  readonly id: string;
  readonly why?: string;
  readonly logsource?: Record<string, string>;
  readonly filters?: readonly { readonly logsource: Record<string, string> }[];
  readonly id_of_rule?: string;
  readonly expect?: 'reject';
  readonly tests?: readonly { event: Record<string, unknown>; match: boolean; logsource?: Record<string, string> }[];
}

interface CorrelationCase {
  readonly id: string;
  readonly why?: string;
  readonly docs: readonly { readonly name: string }[];
  readonly events: readonly { readonly t: number }[];
  readonly expect: 'reject' | Record<string, boolean>;
}

const SOURCE = { category: 'any', product: 'linux' };

const document = hasSigma ? parseDocument(readFileSync(join(SIGMA, 'conformance.yml'), 'utf8')) : undefined;

/** Each case with its detection as the YAML it was written in. */
function cases(): { readonly entry: Case; readonly detection: string }[] {
  const list = document?.get('cases') as unknown as { items: YAMLMap[] };
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
    test(`${entry.id} ${entry.why ?? ''}`, () => {
      const logsource = entry.logsource ?? entry.filters?.[0]?.logsource ?? SOURCE;
      const id = entry.id_of_rule ?? entry.id;
      const rule = `title: ${id}\nid: ${id}\nlogsource: ${JSON.stringify(logsource)}\ndetection:\n${indent(detection)}`;
      const text = [rule, ...(entry.filters ?? []).map(filter => JSON.stringify(filter))].join('\n---\n');
      const parsed = parseRules('case.yml', text);
      const { problems } = parsed;
      const { rules } = joinDocuments([parsed]);
      if (entry.expect === 'reject') {
        expect(rules).toEqual([]);
        expect(problems.some(problem => problem.severity === 'error' && problem.line > 0)).toBe(true);
        return;
      }
      expect(problems.filter(problem => problem.severity === 'error')).toEqual([]);
      const ruleset = compileRuleset(rules);
      for (const one of entry.tests ?? []) {
        const matches = ruleset.evaluateFields(one.event, one.logsource ?? logsource);
        expect([one, matches.length > 0]).toEqual([one, one.match]);
        if (one.logsource === undefined)
          expect([one, interpret(rules[0]!, lookupOf(one.event))]).toEqual([one, one.match]);
      }
    });
  }

  const correlations = (document?.toJS().correlations ?? []) as readonly CorrelationCase[];
  for (const { id, why, docs, events, expect: expected } of correlations) {
    test(`${id} ${why ?? ''}`, () => {
      const puppyOf = (name: string): object => {
        const match = typeof expected === 'object' ? expected[name] : undefined;
        if (match === undefined) return {};
        const timed = events.map(({ t, ...event }) => ({ at: `${t}s`, event }));
        return { puppy: { tests: [{ name: id, events: timed, match }] } };
      };
      const texts = docs.map(doc => {
        const own = 'detection' in doc ? { logsource: SOURCE } : {};
        return JSON.stringify({ title: doc.name, id: doc.name, level: 'high', ...own, ...doc, ...puppyOf(doc.name) });
      });
      const parsed = parseRules('case.yml', texts.join('\n---\n'));
      const joined = joinDocuments([parsed]);
      const errors = [...parsed.problems, ...joined.problems].filter(({ severity }) => severity === 'error');
      if (expected === 'reject') {
        expect(joined.correlations).toEqual([]);
        expect(errors.map(({ line }) => line > 0)).toEqual([true]);
        return;
      }
      expect(errors).toEqual([]);
      const { run, failures } = runRuleTests(compileRuleset(joined.rules), () => [], joined.correlations);
      expect([run, failures.map(({ message }) => message)]).toEqual([Object.keys(expected).length, []]);
    });
  }
});

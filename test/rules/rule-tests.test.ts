import { expect, test } from 'bun:test';
import { loadRules } from '../../src/rules/load.ts';
import { formatProblem } from '../../src/rules/problem.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { runRuleTests } from '../../src/rules/tests.ts';

const HEAD = `level: medium
status: test
author: nobody
date: 2026-01-01
logsource: {category: process_creation, product: linux}
`;

const FILE = `title: su failed
id: 00000000-0000-4000-8000-000000000001
name: su_failed
${HEAD}detection: {sel: {Image: /bin/su}, condition: sel}
puppy:
  tests:
    - {name: a silent rule is tested all the same, event: {Image: /bin/su}, match: true}
    - {name: another program, event: {Image: /bin/ls}, match: false}
---
title: Many failures
id: 00000000-0000-4000-8000-000000000002
level: high
status: test
author: nobody
date: 2026-01-01
correlation: {type: event_count, rules: [su_failed], group-by: [User], timespan: 1m, condition: {gte: 3}}
puppy:
  tests:
    - name: three in a minute
      events:
        - {at: 0s, event: {Image: /bin/su, User: a}}
        - {at: 20s, event: {Image: /bin/su, User: a}}
        - {at: 40s, event: {Image: /bin/su, User: a}}
      match: 1
    - name: of two users
      events:
        - {at: 0s, event: {Image: /bin/su, User: a}}
        - {at: 20s, event: {Image: /bin/su, User: b}}
        - {at: 40s, event: {Image: /bin/su, User: a}}
      match: false
    - name: too slow
      events:
        - {at: 0s, event: {Image: /bin/su, User: a}}
        - {at: 1m, event: {Image: /bin/su, User: a}}
        - {at: 2m, event: {Image: /bin/su, User: a}}
      match: false
---
title: Low numbers on average
id: 00000000-0000-4000-8000-000000000003
level: low
status: test
author: nobody
date: 2026-01-01
correlation: {type: value_avg, rules: [su_failed], group-by: [User], timespan: 1m, condition: {field: ProcessId, lt: 9}}
puppy:
  tests:
    - {name: the window ends, event: {Image: /bin/su, User: a, ProcessId: 7}, match: 1}
---
title: Once in ten minutes
id: 00000000-0000-4000-8000-000000000004
${HEAD}detection: {sel: {Image: /bin/id}, condition: sel}
puppy:
  suppress: {group-by: [User], timespan: 10m}
  tests:
    - name: the second is held back
      events:
        - {at: 0s, event: {Image: /bin/id, User: a}}
        - {at: 9m, event: {Image: /bin/id, User: a}}
        - {at: 9m, event: {Image: /bin/id, User: b}}
        - {at: 10m, event: {Image: /bin/id, User: a}}
      match: 3
---
title: New
id: 00000000-0000-4000-8000-000000000005
${HEAD}detection: {sel: {Image: /bin/nc}, condition: sel}
puppy:
  new_terms: {fields: [User], learn: 7d}
  tests:
    - name: learning is over, nothing is known
      events:
        - {event: {Image: /bin/nc, User: a}}
        - {event: {Image: /bin/nc, User: a}}
        - {event: {Image: /bin/nc}}
      match: 1
`;

/** The failures of the file's tests. */
function failures(text: string): string[] {
  const { rules, correlations, problems } = loadRules([], [{ file: 'a.yml', text }]);
  expect(problems.filter(problem => problem.severity === 'error').map(formatProblem)).toEqual([]);
  const report = runRuleTests(compileRuleset(rules), () => [], correlations);
  expect(report.run).toBe(8);
  return report.failures.map(({ rule, test, message }) => `${rule.info.title}: ${test.name}: ${message}`);
}

test('tests run through the judge: over time, for correlations with the rules that they count', () => {
  expect(failures(FILE)).toEqual([]);
});

test('each tells what came instead', () => {
  const wrong = FILE.replace('match: 3', 'match: 4')
    .replace('gte: 3', 'gte: 4')
    .replace('Image: /bin/ls}', 'Image: /bin/su}');
  expect(failures(wrong)).toEqual([
    'su failed: another program: expected no match, got one',
    'Once in ten minutes: the second is held back: expected 4 alerts, got 3',
    'Many failures: three in a minute: expected 1 alerts, got 0',
  ]);
});

// `check`: validates rules, lints them, runs their tests. The command's body; what it writes to and how records become events is
// given by the caller.

import type { LoadedRules } from '../rules/load.ts';
import { formatProblem, type Problem } from '../rules/problem.ts';
import { compileRuleset } from '../rules/ruleset.ts';
import { type AuditEvents, runRuleTests, type TestFailure } from '../rules/tests.ts';
import { loadRulesFrom } from '../rules-loading.ts';

export interface CheckOptions {
  /** Files and directories. */
  readonly paths: readonly string[];
  readonly format: 'text' | 'json';
  /** Warnings count as failures. */
  readonly strict: boolean;
  /** For the `audit` tests of rules. */
  readonly auditEvents: AuditEvents;
  readonly write: (text: string) => void;
}

/** Gives the exit code: 0; 1 when a test failed, or with `strict` anything was warned about; 2 when rules are wrong. */
export function check(options: CheckOptions): number {
  const loaded = loadRulesFrom(options.paths);
  const ruleset = compileRuleset(loaded.rules);
  const tests = runRuleTests(ruleset, options.auditEvents, loaded.correlations);
  const failed = tests.failures.map(failure => failureProblem(failure, loaded));
  const errors = loaded.problems.filter(problem => problem.severity === 'error').length;
  const warnings = loaded.problems.length - errors;
  const cannotFire = ruleset.verdicts.filter(verdict => !verdict.canFire).length;
  const summary = {
    files: loaded.files,
    rules: loaded.rules.length + loaded.correlations.length,
    rejected: loaded.rejected,
    canFire: loaded.rules.length + loaded.correlations.length - cannotFire,
    cannotFire,
    tests: tests.run,
    testsFailed: failed.length,
    errors,
    warnings,
  };
  if (options.format === 'json') {
    const rules = ruleset.verdicts.map(({ rule, stream, canFire, reason, needs }) => {
      return { id: rule.id, title: rule.title, level: rule.level, file: rule.file, stream, canFire, reason, needs };
    });
    const problems = [...loaded.problems.map(jsonProblem), ...failed.map(jsonProblem)];
    options.write(`${JSON.stringify({ summary, problems, rules }, null, 2)}\n`);
  } else {
    for (const problem of [...loaded.problems, ...failed]) options.write(`${formatProblem(problem)}\n\n`);
    options.write(summaryLine(summary));
  }
  if (errors > 0) return 2;
  return failed.length > 0 || (options.strict && warnings > 0) ? 1 : 0;
}

/** A failed test as a problem, so that an editor finds both alike. */
function failureProblem({ rule, test, message }: TestFailure, loaded: LoadedRules): Problem {
  return {
    severity: 'error',
    code: 'test-failed',
    file: rule.info.file,
    ...loaded.placeOf(rule, test.range[0]),
    message: `"${test.name}": ${message}`,
    length: 1,
  };
}

/** Its shape is told by `help check`. */
function jsonProblem({ severity, code, file, line, column, length, message, help }: Problem): object {
  const place = line === 0 ? {} : { line, column, end_column: column + length };
  return { file, ...place, severity, code, message, ...(help === undefined ? {} : { help }) };
}

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

type Counted = 'rules' | 'files' | 'canFire' | 'rejected' | 'tests' | 'testsFailed' | 'errors' | 'warnings';

function summaryLine(s: Readonly<Record<Counted, number>>): string {
  const rules = `${plural(s.rules, 'rule')} in ${plural(s.files, 'file')}`;
  const left = s.rejected > 0 ? `, ${s.rejected} left out` : '';
  const can = s.canFire < s.rules ? `, ${s.canFire} can fire and ${s.rules - s.canFire} can't` : '';
  const tests = `${plural(s.tests, 'test')}${s.testsFailed > 0 ? `, ${s.testsFailed} failed` : ''}`;
  return `${rules}${left}${can}; ${tests}; ${plural(s.errors, 'error')}, ${plural(s.warnings, 'warning')}\n`;
}

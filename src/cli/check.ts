// `check`: validates rules, lints them, runs their tests. The command's body; what it writes to and how records become events is
// given by the caller.

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
  const tests = runRuleTests(ruleset, options.auditEvents);
  const failures = tests.failures.map(failure => ({
    failure,
    place: loaded.placeOf(failure.rule, failure.test.range[0]),
  }));
  const errors = loaded.problems.filter(problem => problem.severity === 'error').length;
  const warnings = loaded.problems.length - errors;
  const cannotFire = ruleset.verdicts.filter(verdict => !verdict.canFire).length;
  const summary = {
    files: loaded.files,
    rules: loaded.rules.length,
    rejected: loaded.rejected,
    canFire: loaded.rules.length - cannotFire,
    cannotFire,
    tests: tests.run,
    testsFailed: failures.length,
    errors,
    warnings,
  };
  if (options.format === 'json') {
    const rules = ruleset.verdicts.map(({ rule, stream, canFire, reason, needs }) => {
      return { id: rule.id, title: rule.title, level: rule.level, file: rule.file, stream, canFire, reason, needs };
    });
    const failed = failures.map(({ failure, place }) => jsonFailure(failure, place));
    options.write(
      `${JSON.stringify({ summary, problems: loaded.problems.map(jsonProblem), failures: failed, rules }, null, 2)}\n`,
    );
  } else {
    for (const problem of loaded.problems) options.write(`${formatProblem(problem)}\n\n`);
    for (const { failure, place } of failures) options.write(`${textFailure(failure, place)}\n\n`);
    options.write(summaryLine(summary));
  }
  if (errors > 0) return 2;
  return failures.length > 0 || (options.strict && warnings > 0) ? 1 : 0;
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** As formatProblem has it, so that an editor finds both alike. */
function textFailure({ rule, test, message }: TestFailure, place: Place): string {
  return formatProblem({
    severity: 'error',
    code: 'test-failed',
    file: rule.info.file,
    ...place,
    message: `"${test.name}": ${message}`,
    length: 1,
  });
}

const jsonFailure = ({ rule, test, message }: TestFailure, place: Place): object => ({
  file: rule.info.file,
  ...place,
  rule: rule.info.id,
  test: test.name,
  message,
});

function jsonProblem({ severity, code, file, line, column, length, message, help }: Problem): object {
  const place = line === 0 ? {} : { line, column, endColumn: column + length };
  return { severity, code, file, ...place, message, ...(help === undefined ? {} : { help }) };
}

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

function summaryLine(
  s: Readonly<
    Record<'rules' | 'files' | 'cannotFire' | 'rejected' | 'tests' | 'testsFailed' | 'errors' | 'warnings', number>
  >,
) {
  const rules = `${plural(s.rules, 'rule')} in ${plural(s.files, 'file')}`;
  const left = s.rejected > 0 ? `, ${s.rejected} left out` : '';
  const dead = s.cannotFire > 0 ? `, ${s.cannotFire} can't fire` : '';
  const tests = `${plural(s.tests, 'test')}${s.testsFailed > 0 ? `, ${s.testsFailed} failed` : ''}`;
  return `${rules}${left}${dead}; ${tests}; ${plural(s.errors, 'error')}, ${plural(s.warnings, 'warning')}\n`;
}

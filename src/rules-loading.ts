// Which rules a run has: from --rules, else the system's folder, else the pack inside the program (edge: files).

import { existsSync, readFileSync } from 'node:fs';
import builtinPath from '../build/builtin-rules.bin' with { type: 'file' };
import { type LoadedRules, loadRules, type RuleText } from './rules/load.ts';
import type { Problem } from './rules/problem.ts';
import { compileRuleset, type Ruleset } from './rules/ruleset.ts';

const SYSTEM_RULES = '/etc/puppy-hids/rules.d';
const BUILTIN = 'builtin';

export interface LoadedRuleset {
  readonly ruleset: Ruleset;
  readonly problems: readonly Problem[];
  readonly rejected: number;
  readonly paths: readonly string[];
}

/** The paths that are loaded when `paths` were given. */
export function rulePaths(paths: readonly string[]): readonly string[] {
  if (paths.length > 0) return paths;
  return [existsSync(SYSTEM_RULES) ? SYSTEM_RULES : BUILTIN];
}

/** Loads files and folders, and for the word `builtin` the pack inside the program (build.ts puts rules.d there). */
export function loadRulesFrom(paths: readonly string[]): LoadedRules {
  const texts = paths.includes(BUILTIN) ? (JSON.parse(readFileSync(builtinPath, 'utf8')) as RuleText[]) : [];
  return loadRules(
    paths.filter(path => path !== BUILTIN),
    texts,
  );
}

export function loadRuleset(paths: readonly string[]): LoadedRuleset {
  const wanted = rulePaths(paths);
  const loaded = loadRulesFrom(wanted);
  return { ruleset: compileRuleset(loaded.rules), problems: loaded.problems, rejected: loaded.rejected, paths: wanted };
}

/** How many of the rules can fire, and what keeps the others from it, for people. */
export function verdictSummary(ruleset: Ruleset): {
  readonly canFire: number;
  readonly reasons: Readonly<Record<string, number>>;
} {
  const reasons: Record<string, number> = {};
  let canFire = 0;
  for (const verdict of ruleset.verdicts) {
    if (verdict.canFire) canFire++;
    else reasons[verdict.reason ?? 'unknown'] = (reasons[verdict.reason ?? 'unknown'] ?? 0) + 1;
  }
  return { canFire, reasons };
}

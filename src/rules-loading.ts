// Which rules a run has: from --rules, else the system's folder, else the pack inside the program (edge: files).

import { existsSync } from 'node:fs';
import { loadRules } from './rules/load.ts';
import type { Problem } from './rules/problem.ts';
import { compileRuleset, type Ruleset } from './rules/ruleset.ts';

const SYSTEM_RULES = '/etc/puppy-hids/rules.d';
export const BUILTIN = 'builtin';

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

export function loadRuleset(paths: readonly string[]): LoadedRuleset {
  const wanted = rulePaths(paths);
  const loaded = loadRules(wanted);
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

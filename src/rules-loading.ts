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

export interface VerdictSummary {
  readonly canFire: number;
  /** What keeps the others from it, with how many. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Of those that can fire: rules over records that this version doesn't ask the kernel for. The host's own audit rules may bring them. */
  readonly notAskedFor: number;
}

export function verdictSummary(ruleset: Ruleset): VerdictSummary {
  const reasons: Record<string, number> = {};
  let canFire = 0;
  let notAskedFor = 0;
  for (const { canFire: can, reason = 'unknown', needs } of ruleset.verdicts) {
    if (!can) {
      reasons[reason] = (reasons[reason] ?? 0) + 1;
      continue;
    }
    canFire++;
    const asked = needs.exec || needs.execFailed || needs.connect || needs.accept;
    if (!asked && needs.syscalls.length + needs.files.length + needs.keys.length + needs.recordTypes.length > 0)
      notAskedFor++;
  }
  return { canFire, reasons, notAskedFor };
}

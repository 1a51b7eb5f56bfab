// Which rules a run has: from --rules, else the system's folder, else the pack inside the program (edge: files).

import { existsSync, readFileSync } from 'node:fs';
import builtinPath from '../build/builtin-rules.bin' with { type: 'file' };
import type { Module } from './core/event.ts';
import { Memory } from './memory.ts';
import type { Correlation, Rule } from './rules/ast.ts';
import { type LoadedRules, loadRules, loadRulesInSteps, type RuleText } from './rules/load.ts';
import { fileProblem, type Problem } from './rules/problem.ts';
import { compileRuleset, type Ruleset } from './rules/ruleset.ts';
import { type Tuning, tune } from './rules/tuning.ts';

const SYSTEM_RULES = '/etc/puppy-hids/rules.d';
const BUILTIN = 'builtin';
/** The code of a problem of the configuration, which `check` can't show. */
export const UNKNOWN_TUNED = 'unknown-tuned-rule';

/** How long a load in the background works before everything else gets its turn. */
const SLICE_MS = 10;
/** While two sets are held, what parsing leaves behind doesn't pile up for longer. */
const COLLECT_MS = 500;

export interface LoadedRuleset {
  readonly ruleset: Ruleset;
  readonly correlations: readonly Correlation[];
  /** Where each rule stands in its file, by id. */
  readonly lines: ReadonlyMap<string, number>;
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
  return loadRules(...rulesOf(paths));
}

function rulesOf(paths: readonly string[]): [paths: readonly string[], texts: readonly RuleText[]] {
  const texts = paths.includes(BUILTIN) ? (JSON.parse(readFileSync(builtinPath, 'utf8')) as RuleText[]) : [];
  return [paths.filter(path => path !== BUILTIN), texts];
}

/** `sources`: those that run; all of them without. */
export function loadRuleset(
  paths: readonly string[],
  tuning: readonly Tuning[] = [],
  sources?: readonly Module[],
): LoadedRuleset {
  const wanted = rulePaths(paths);
  return compiled(loadRulesFrom(wanted), wanted, tuning, sources);
}

/** As {@link loadRuleset}, beside other work: for an agent that has events to take. */
export async function loadRulesetInBackground(
  paths: readonly string[],
  tuning: readonly Tuning[] = [],
  sources?: readonly Module[],
): Promise<LoadedRuleset> {
  const wanted = rulePaths(paths);
  const steps = loadRulesInSteps(...rulesOf(wanted));
  const memory = new Memory(COLLECT_MS);
  for (;;) {
    const end = performance.now() + SLICE_MS;
    while (performance.now() < end) {
      const step = steps.next();
      if (!step.done) continue;
      await othersTurn();
      return compiled(step.value, wanted, tuning, sources);
    }
    memory.tick(performance.now());
    await othersTurn();
  }
}

const othersTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

function compiled(
  loaded: LoadedRules,
  paths: readonly string[],
  tuning: readonly Tuning[],
  sources: readonly Module[] | undefined,
): LoadedRuleset {
  const { rejected, lineOf } = loaded;
  // The places alone are kept, not the texts that they are found by.
  const lines = new Map([...loaded.rules, ...loaded.correlations].map(rule => [rule.info.id, lineOf(rule)]));
  const { rules, correlations, warnings } = tune(loaded.rules, loaded.correlations, tuning);
  const notes = warnings.map(({ message, help }) => fileProblem('warning', UNKNOWN_TUNED, 'tuning', message, help));
  const problems = [...loaded.problems, ...notes];
  return { ruleset: compileRuleset(rules, sources), correlations, lines, problems, rejected, paths };
}

export function allRules({ ruleset, correlations }: LoadedRuleset): (Rule | Correlation)[] {
  return [...ruleset.rules, ...correlations];
}

export interface VerdictSummary {
  readonly canFire: number;
  /** What keeps the others from it, with how many. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Of the others: how many would need a source that doesn't run. */
  readonly missing: Readonly<Record<string, number>>;
  /** Of those that can fire: rules of which nothing is asked of the kernel. The host's own audit rules may bring their records. */
  readonly notAskedFor: number;
}

export function verdictSummary(ruleset: Ruleset): VerdictSummary {
  const reasons: Record<string, number> = {};
  const missing: Record<string, number> = {};
  let canFire = 0;
  let notAskedFor = 0;
  for (const { canFire: can, reason = 'unknown', missing: source, needs } of ruleset.verdicts) {
    if (!can) {
      const [counts, why] = source === undefined ? [reasons, reason] : [missing, source];
      counts[why] = (counts[why] ?? 0) + 1;
      continue;
    }
    canFire++;
    const { exec, connect, accept, logs, calls, files, keys, unasked } = needs;
    const asked = exec || connect || accept || logs || calls.length + files.length + keys.length > 0;
    if (!asked && unasked.length > 0) notAskedFor++;
  }
  return { canFire, reasons, missing, notAskedFor };
}

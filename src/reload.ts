// A reload: configuration and rules are read beside the running agent, and take the place of what runs between two events, or not at
// all. No rule that runs is lost to a mistake in a file.

import { enabledSources } from './config/config.ts';
import type { Loaded } from './config/load.ts';
import { type Configuration, type TakenOver, takeOver } from './reload-config.ts';
import type { Correlation, Rule } from './rules/ast.ts';
import type { Problem } from './rules/problem.ts';
import { allRules, type LoadedRuleset, loadRulesetInBackground } from './rules-loading.ts';

export interface Running {
  readonly configuration: Configuration;
  readonly rules: LoadedRuleset;
}

export interface RuleName {
  readonly id: string;
  readonly title: string;
}

export interface RuleChanges {
  readonly added: readonly RuleName[];
  readonly removed: readonly RuleName[];
  readonly changed: readonly RuleName[];
}

export type Prepared =
  | { readonly refused: string; readonly problems: readonly Problem[] }
  | {
      readonly next: Running;
      readonly changes: RuleChanges;
      readonly settings: Pick<TakenOver, 'taken' | 'restart'>;
      readonly problems: readonly Problem[];
    };

export const isError = (problem: Problem): boolean => problem.severity === 'error';

/** Takes its time beside the agent's work; nothing has changed when it resolves. */
export async function prepareReload(running: Running, reread: () => Loaded): Promise<Prepared> {
  const { config, settings, problems } = reread();
  if (config === undefined || settings === undefined) {
    return { refused: 'the configuration is wrong: that of before stays, and its rules', problems };
  }
  const { configuration, taken, restart } = takeOver(running.configuration, { config, settings });
  const { rules: paths, tuning } = configuration.config;
  const rules = await loadRulesetInBackground(paths, tuning, enabledSources(configuration.config));
  const refused = refusal(running.rules, rules);
  const all = [...problems, ...rules.problems];
  if (refused !== undefined) return { refused, problems: all };
  const changes = difference(running.rules, rules);
  return { next: { configuration, rules }, changes, settings: { taken, restart }, problems: all };
}

/**
 * Why `next` may not take the place of `running`. A file with a mistake keeps the whole set out, for rules refer to each other across
 * files. A mistake that stood already when the running set was loaded, and was left out then, is no reason, as long as its file
 * doesn't take a running rule along.
 */
export function refusal(running: LoadedRuleset, next: LoadedRuleset): string | undefined {
  const wrong = filesWithErrors(next);
  const before = filesWithErrors(running);
  const fresh = [...wrong].filter(file => !before.has(file));
  if (fresh.length > 0) {
    const others = fresh.length > 1 ? ` and ${fresh.length - 1} more` : '';
    return `${fresh[0]}${others} is wrong: the rules of before stay, all of them`;
  }
  const lost = allRules(running).find(({ info }) => wrong.has(info.file) && !next.lines.has(info.id));
  if (lost === undefined) return undefined;
  return `${lost.info.file} is wrong and would take "${lost.info.title}" along: the rules of before stay, all of them`;
}

const filesWithErrors = (rules: LoadedRuleset): ReadonlySet<string> =>
  new Set(rules.problems.filter(isError).map(problem => problem.file));

/** By id; a rule has changed when what it decides or what it says of itself has, wherever its file is now. */
export function difference(running: LoadedRuleset, next: LoadedRuleset): RuleChanges {
  const name = ({ info }: Rule | Correlation): RuleName => ({ id: info.id, title: info.title });
  const content = ({ digest, silent, info }: Rule | Correlation): string =>
    JSON.stringify([digest, silent, { ...info, file: '' }]);
  const before = new Map(allRules(running).map(rule => [rule.info.id, rule]));
  const added: RuleName[] = [];
  const changed: RuleName[] = [];
  for (const rule of allRules(next)) {
    const old = before.get(rule.info.id);
    before.delete(rule.info.id);
    if (old === undefined) added.push(name(rule));
    else if (content(old) !== content(rule)) changed.push(name(rule));
  }
  return { added, changed, removed: [...before.values()].map(name) };
}

/**
 * One at a time. Who asks while one is at work gets a new one behind it, for files may have changed since; all who ask meanwhile get
 * the same.
 */
export class Turns<T> {
  readonly #work: () => Promise<T>;
  #current: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  take(): Promise<T> {
    if (this.#current === undefined) {
      this.#current = this.#work().finally(() => {
        this.#current = undefined;
      });
      return this.#current;
    }
    const again = (): Promise<T> => {
      this.#next = undefined;
      return this.take();
    };
    this.#next ??= this.#current.then(again, again);
    return this.#next;
  }
}

// Reloads of a running agent, asked for by SIGHUP or over the control socket: what is told of them, and to whom.

import type { Loaded } from './config/load.ts';
import type { Log } from './log.ts';
import { isError, type Prepared, prepareReload, type RuleChanges, type Running, Turns } from './reload.ts';
import { formatProblem, type Problem } from './rules/problem.ts';
import { allRules, type LoadedRuleset, verdictSummary } from './rules-loading.ts';

/** What two sets side by side took is given back within this time. */
const SETTLING_MS = 10_000;
/** Of one reload; the rest is in the log and in `check`. */
const PROBLEMS_MAX = 100;

export type Say = (
  kind: 'rules_loaded' | 'rule_rejected',
  message: string,
  details: Readonly<Record<string, unknown>>,
) => void;

export interface ReloadHost {
  readonly log: Log;
  readonly say: Say;
  running(): Running;
  /** The configuration as it is now. */
  reread(): Loaded;
  /** Everything that is judged from now on is judged by `next`. Gives what went wrong with it, where that is no reason to refuse it. */
  apply(next: Running): readonly string[];
  isEnding(): boolean;
}

/** What `puppy-hids reload` is told. */
export interface ReloadAnswer {
  readonly loaded: boolean;
  readonly message: string;
  /** Rules that hold now. */
  readonly rules: number;
  readonly canFire: number;
  readonly changes?: RuleChanges;
  /** Settings that changed: those that hold now, and those that need a restart. */
  readonly taken: readonly string[];
  readonly restart: readonly string[];
  /** Mistakes with their places, readable; the first ones of `errors`. */
  readonly problems: readonly string[];
  readonly errors: number;
  /** What went wrong besides. */
  readonly notes: readonly string[];
}

export class Reloads {
  readonly #host: ReloadHost;
  readonly #turns = new Turns(() => this.#once());
  /** Settings that need a restart are told once each. */
  readonly #told = new Set<string>();
  #settledMs = 0;

  constructor(host: ReloadHost) {
    this.#host = host;
  }

  /** Two sets are held, or were a moment ago: more memory than ever else is used. */
  isSettling(): boolean {
    return performance.now() < this.#settledMs;
  }

  request(): Promise<ReloadAnswer> {
    return this.#turns.take();
  }

  async #once(): Promise<ReloadAnswer> {
    const host = this.#host;
    this.#settledMs = Number.POSITIVE_INFINITY;
    const prepared = await prepareReload(host.running(), () => host.reread()).finally(() => {
      this.#settledMs = performance.now() + SETTLING_MS;
    });
    if (host.isEnding()) throw new Error('the agent ends');
    const errors = prepared.problems.filter(isError);
    for (const problem of errors) host.log.error(formatProblem(problem));
    const answer = 'refused' in prepared ? this.#refuse(prepared.refused, errors) : this.#take(prepared);
    return {
      ...answer,
      ...ruleCounts(host.running().rules),
      problems: errors.slice(0, PROBLEMS_MAX).map(formatProblem),
      errors: errors.length,
    };
  }

  #refuse(why: string, errors: readonly Problem[]): Told {
    const { log, say } = this.#host;
    log.error(`not reloaded: ${why}`);
    sayRejected(say, errors);
    return { loaded: false, message: why, taken: [], restart: [], notes: [] };
  }

  #take({ next, changes, settings }: Extract<Prepared, { next: unknown }>): Told {
    const { log, say, apply } = this.#host;
    const notes = apply(next);
    for (const note of notes) log.error(note);
    sayLoaded(say, next.rules, changes);
    const { added, removed, changed } = changes;
    const message = `${allRules(next.rules).length} rules loaded: ${added.length} added, ${removed.length} removed, ${changed.length} changed`;
    log.info(message);
    if (settings.taken.length > 0) log.info(`settings that changed: ${settings.taken.join(', ')}`);
    const fresh = settings.restart.filter(name => !this.#told.has(name));
    for (const name of fresh) this.#told.add(name);
    if (fresh.length > 0) log.warning(`settings that changed, but need a restart: ${fresh.join(', ')}`);
    return { loaded: true, message, changes, ...settings, notes };
  }
}

type Told = Omit<ReloadAnswer, 'rules' | 'canFire' | 'problems' | 'errors'>;

function ruleCounts(loaded: LoadedRuleset): { readonly rules: number; readonly canFire: number } {
  return { rules: allRules(loaded).length, canFire: verdictSummary(loaded.ruleset).canFire };
}

/** What holds now, and what was left out of it. */
export function sayLoaded(say: Say, loaded: LoadedRuleset, changes?: RuleChanges): void {
  const { rules, canFire } = ruleCounts(loaded);
  say('rules_loaded', `${rules} rules loaded, ${canFire} can fire`, {
    rules,
    can_fire: canFire,
    rejected: loaded.rejected,
    paths: loaded.paths,
    ...(changes !== undefined && {
      added: changes.added.length,
      removed: changes.removed.length,
      changed: changes.changed.length,
    }),
  });
  sayRejected(say, loaded.problems.filter(isError));
}

function sayRejected(say: Say, errors: readonly Problem[]): void {
  for (const { file, line, column, code, message } of errors.slice(0, PROBLEMS_MAX)) {
    say('rule_rejected', `${file}:${line}:${column}: ${message}`, { file, line, column, code });
  }
}

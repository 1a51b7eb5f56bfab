// Puts limits and rules into the kernel, remembering what was there (edge: netlink, files). One instance for the time that the agent runs.

import { AuditError, type AuditStatus, addRule, deleteRule, listRules, setStatus } from './control.ts';
import { decodeRule, encodeRule } from './kernel-rules/bytes.ts';
import { type Rule, ruleEquals } from './kernel-rules/rule.ts';
import { removeSavedState, restoreKernel, type SavedState, writeSavedState } from './saved-state.ts';

export interface WantedRule {
  readonly text: string;
  readonly rule: Rule;
  /** Where the kernel refuses it (EINVAL), go on without. */
  readonly optional: boolean;
}

export interface Limits {
  /** At least; a host's higher one is kept. */
  readonly backlogLimit: number;
  readonly backlogWaitTime: number;
}

export interface Identity {
  readonly bootId: string;
  readonly pid: number;
  readonly startTicks: number;
}

export interface AddedRules {
  readonly added: readonly string[];
  /** The host has the same rule, or one that gives the same events. */
  readonly covered: readonly string[];
  /** Refused by the kernel, with its answer. */
  readonly refused: readonly { readonly text: string; readonly code: string; readonly optional: boolean }[];
}

/** The kernel's rules, decoded; what can't be decoded is left out. */
export function kernelRules(): Rule[] {
  return listRules()
    .map(decodeRule)
    .flatMap(decoded => ('ok' in decoded ? [decoded.ok] : []));
}

/** Whether every event of `ours` is produced by the host's rule too: the same list, more syscalls, no more conditions. */
export function covers(host: Rule, ours: Rule): boolean {
  if (host.list !== ours.list || host.action !== 'always') return false;
  if (!ours.mask.every((word, i) => (word & ~host.mask[i]!) === 0)) return false;
  return host.fields.every(
    f => f.field === 'key' || ours.fields.some(g => g.field === f.field && g.op === f.op && g.value === f.value),
  );
}

export class KernelSetup {
  private readonly path: string;
  private readonly identity: Identity;
  private changed: SavedState['changed'] = {};
  private rules: Rule[] = [];

  constructor(stateFile: string, identity: Identity) {
    this.path = stateFile;
    this.identity = identity;
  }

  /** Sets what an owner needs; the earlier values are on the disk before. Throws AuditError. */
  applyLimits(status: AuditStatus, limits: Limits): void {
    const wanted = {
      failure: status.failure === 2 ? 1 : status.failure,
      rateLimit: 0,
      backlogLimit: Math.max(status.backlogLimit, limits.backlogLimit),
      backlogWaitTime: limits.backlogWaitTime,
      enabled: 1,
    };
    for (const name of ['failure', 'rateLimit', 'backlogLimit', 'backlogWaitTime', 'enabled'] as const) {
      if (status[name] === wanted[name]) continue;
      // What an earlier life as owner changed keeps its first value.
      this.changed = { ...this.changed, [name]: { was: this.changed[name]?.was ?? status[name], set: wanted[name] } };
      this.save();
      setStatus(name, wanted[name]);
    }
  }

  /** Gives the limits back, for the audit daemon that comes: it turns auditing on itself, and must not find it off. */
  releaseLimits(): void {
    const { enabled: _, ...others } = this.changed;
    restoreKernel({ ...this.state(), changed: others, rules: [] });
    this.changed = {};
    this.save();
  }

  /** Adds the rules that the host's own don't make needless. Throws only where nothing can be added at all (EPERM). */
  addRules(wanted: readonly WantedRule[]): AddedRules {
    const host = kernelRules().filter(rule => !this.rules.some(ours => ruleEquals(rule, ours)));
    const added: string[] = [];
    const covered: string[] = [];
    const refused: { text: string; code: string; optional: boolean }[] = [];
    const ours = wanted.filter(({ text, rule }) => {
      const isNeedless = host.some(h => covers(h, rule));
      if (isNeedless) covered.push(text);
      return !isNeedless;
    });
    const before = this.rules;
    this.rules = [...before, ...ours.map(({ rule }) => rule)];
    this.save();
    const taken: Rule[] = [];
    for (const { text, rule, optional } of ours) {
      try {
        addRule(encodeRule(rule));
        added.push(text);
        taken.push(rule);
      } catch (error) {
        if (!(error instanceof AuditError)) throw error;
        if (error.code === 'EEXIST') covered.push(text);
        else refused.push({ text, code: error.code, optional });
      }
    }
    this.rules = [...before, ...taken];
    this.save();
    return { added, covered, refused };
  }

  /** Which of our rules somebody deleted. */
  missingRules(): Rule[] {
    if (this.rules.length === 0) return [];
    const now = kernelRules();
    return this.rules.filter(ours => !now.some(rule => ruleEquals(rule, ours)));
  }

  /** Adds them again; gives how many the kernel took. */
  readdRules(rules: readonly Rule[]): number {
    let count = 0;
    for (const rule of rules) {
      try {
        addRule(encodeRule(rule));
        count++;
      } catch (error) {
        if (!(error instanceof AuditError)) throw error;
      }
    }
    return count;
  }

  /** Other rules than before: what is new is added before what is needless goes, so that nothing is unseen meanwhile. */
  replaceRules(wanted: readonly WantedRule[]): AddedRules {
    const before = [...this.rules];
    const result = this.addRules(wanted.filter(({ rule }) => !before.some(ours => ruleEquals(rule, ours))));
    this.remove(before.filter(ours => !wanted.some(({ rule }) => ruleEquals(rule, ours))));
    return result;
  }

  deleteRules(): void {
    this.remove(this.rules);
  }

  private remove(rules: readonly Rule[]): void {
    for (const rule of rules) {
      try {
        deleteRule(encodeRule(rule));
      } catch (error) {
        if (!(error instanceof AuditError && error.code === 'ENOENT')) throw error;
      }
    }
    this.rules = this.rules.filter(rule => !rules.includes(rule));
    this.save();
  }

  /** Undoes everything and removes the saved state. Gives what couldn't be undone. */
  restore(keepEnabled: boolean): readonly string[] {
    const { enabled, ...others } = this.changed;
    const changed = keepEnabled || enabled === undefined ? others : { ...others, enabled };
    const { failed } = restoreKernel({ ...this.state(), changed });
    this.changed = {};
    this.rules = [];
    if (failed.length === 0) removeSavedState(this.path);
    return failed;
  }

  get ruleCount(): number {
    return this.rules.length;
  }

  private state(): SavedState {
    const rules = this.rules.map(rule => Buffer.from(encodeRule(rule)).toString('base64'));
    return { version: 1, ...this.identity, changed: this.changed, rules };
  }

  private save(): void {
    if (this.rules.length === 0 && Object.keys(this.changed).length === 0) removeSavedState(this.path);
    else writeSavedState(this.path, this.state());
  }
}

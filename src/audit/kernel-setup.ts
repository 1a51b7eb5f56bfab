// Puts limits and rules into the kernel, remembering what was there (edge: netlink, files). One instance for the time that the agent runs.

import { AuditError, type AuditStatus, addRule, deleteRule, listRules, setStatus } from './control.ts';
import { decodeRule, encodeRule } from './kernel-rules/bytes.ts';
import { type Rule, ruleEquals, ruleKeys } from './kernel-rules/rule.ts';
import { removeSavedState, restoreKernel, type SavedState, writeSavedState } from './saved-state.ts';

export interface WantedRule {
  readonly text: string;
  readonly rule: Rule;
  /** Where the kernel refuses it (EINVAL), go on without. */
  readonly optional: boolean;
  /** Keys that our own rules look for in its events. */
  readonly keys: readonly string[];
  /** Behind all of the others: of the rules that match an event only the first gives its key. */
  readonly isLast?: boolean;
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

/** Whether every event of `ours` is produced by the host's rule too, with the keys: the same list, more syscalls, no more conditions. */
export function covers(host: Rule, ours: Rule, keys: readonly string[] = []): boolean {
  if (host.list !== ours.list || host.action !== 'always') return false;
  const hostKeys = ruleKeys(host);
  if (!keys.every(key => hostKeys.includes(key))) return false;
  if (!ours.mask.every((word, i) => (word & ~host.mask[i]!) === 0)) return false;
  return host.fields.every(
    f => f.field === 'key' || ours.fields.some(g => g.field === f.field && g.op === f.op && g.value === f.value),
  );
}

/** As the kernel holds it: with the flag that puts it in front it finds none of the same. */
const inKernel = (rule: Rule): Rule => ({ ...rule, prepend: false });

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

  /**
   * The kernel has these rules of ours from now on, but for those that the host's own make needless. Rules that stay are not touched;
   * what is new is added before what is needless goes, so that nothing is unseen meanwhile, but for what must stay last. Throws only where nothing can be changed at
   * all (EPERM).
   */
  replaceRules(wanted: readonly WantedRule[]): AddedRules {
    const isOurs = (rule: Rule): boolean => this.rules.some(ours => ruleEquals(ours, rule));
    // One that must go to the front, or behind others that come, is deleted first: the kernel would find the new one for the old.
    const isMore = wanted.some(({ rule, isLast }) => isLast !== true && !isOurs(rule));
    const misplaced = this.rules.filter(ours =>
      wanted.some(
        ({ rule, isLast }) =>
          ((rule.prepend && !ours.prepend) || (isMore && isLast === true)) && ruleEquals(ours, rule),
      ),
    );
    if (misplaced.length > 0) this.remove(misplaced);
    const before = this.rules;
    const result = this.add(wanted.filter(({ rule }) => !isOurs(rule)));
    const needless = before.filter(ours => !wanted.some(({ rule }) => ruleEquals(ours, rule)));
    if (needless.length > 0) this.remove(needless);
    // Where a rule stands in the list isn't part of it, but says where it goes should it be added again.
    this.rules = this.rules.map(ours => wanted.find(({ rule }) => ruleEquals(ours, rule))?.rule ?? ours);
    return result;
  }

  private add(wanted: readonly WantedRule[]): AddedRules {
    const added: string[] = [];
    const covered: string[] = [];
    const refused: { text: string; code: string; optional: boolean }[] = [];
    if (wanted.length === 0) return { added, covered, refused };
    const host = kernelRules().filter(rule => !this.rules.some(ours => ruleEquals(rule, ours)));
    const ours = wanted.filter(({ text, rule, keys }) => {
      const isNeedless = host.some(h => covers(h, rule, keys));
      if (isNeedless) covered.push(text);
      return !isNeedless;
    });
    if (ours.length === 0) return { added, covered, refused };
    const before = this.rules;
    this.rules = [...before, ...ours.map(({ rule }) => rule)];
    this.save();
    const taken: Rule[] = [];
    // What goes to the front of the list is added last first, to stand there in order.
    const front = ours.filter(({ rule }) => rule.prepend).reverse();
    for (const { text, rule, optional } of [...front, ...ours.filter(({ rule }) => !rule.prepend)]) {
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

  /**
   * Adds again those of our rules that are gone: somebody deleted them, or the folder that they watched. What the kernel doesn't take
   * is no rule of ours any more.
   */
  repair(): { readonly missing: number; readonly added: number } {
    if (this.rules.length === 0) return { missing: 0, added: 0 };
    const now = kernelRules();
    const missing = this.rules.filter(ours => !now.some(rule => ruleEquals(rule, ours)));
    const failed = missing.filter(rule => {
      try {
        addRule(encodeRule(rule));
        return false;
      } catch (error) {
        if (!(error instanceof AuditError)) throw error;
        return error.code !== 'EEXIST';
      }
    });
    if (failed.length > 0) {
      this.rules = this.rules.filter(rule => !failed.includes(rule));
      this.save();
    }
    return { missing: missing.length, added: missing.length - failed.length };
  }

  deleteRules(): void {
    this.remove(this.rules);
  }

  private remove(rules: readonly Rule[]): void {
    for (const rule of rules) {
      try {
        deleteRule(encodeRule(inKernel(rule)));
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
    const rules = this.rules.map(rule => Buffer.from(encodeRule(inKernel(rule))).toString('base64'));
    return { version: 1, ...this.identity, changed: this.changed, rules };
  }

  private save(): void {
    if (this.rules.length === 0 && Object.keys(this.changed).length === 0) removeSavedState(this.path);
    else writeSavedState(this.path, this.state());
  }
}

// What the loaded rules and the options ask of the kernel, as kernel rules.

import { defaultRules, type RuleNeeds } from './audit/kernel-rules/defaults.ts';
import { parseRule } from './audit/kernel-rules/parse.ts';
import type { RuleContext } from './audit/kernel-rules/rule.ts';
import type { WantedRule } from './audit/kernel-setup.ts';
import type { Mode } from './audit/mode.ts';
import type { Needs } from './rules/needs.ts';

export const KEY_PREFIX = 'puppy';

/** `events`: every event is written, so that more is asked than the rules need. */
export function kernelNeeds(needs: Needs, events: boolean): RuleNeeds {
  return {
    exec: true,
    execFailed: needs.execFailed,
    connect: needs.connect || events,
    accept: needs.accept || events,
    bind: events,
    listen: events,
    // Whose root a process is in decides what its paths mean.
    rootChanges: true,
    exit: events,
  };
}

export interface KernelRulesOptions {
  readonly architecture: string;
  readonly pid: number;
  readonly needs: RuleNeeds;
  /** Of the configuration, as auditctl takes them. */
  readonly texts: readonly string[];
  readonly context: RuleContext;
  /** The record types of {@link SPARED} that something wants. */
  readonly keep: ReadonlySet<string>;
}

/**
 * Records that say nothing which others don't: an execution's arguments are in EXECVE, its credentials in SYSCALL. Where the agent is
 * the audit daemon, the kernel needn't make them (docs/decisions/0008).
 */
export const SPARED = ['PROCTITLE', 'BPRM_FCAPS'] as const;

/** Our own rules, then the configured ones, which were checked when the configuration was read. */
export function wantedRules(options: KernelRulesOptions, saddrFam: boolean, mode: Mode): WantedRule[] {
  const arch = options.architecture === 'aarch64' ? 'aarch64' : 'x86_64';
  const own = defaultRules({ arch, pid: options.pid, needs: options.needs, saddrFam, keyPrefix: KEY_PREFIX });
  const spared = SPARED.filter(type => mode === 'own' && options.texts.length === 0 && !options.keep.has(type));
  const texts = [...options.texts, ...spared.map(type => `-a always,exclude -F msgtype=${type}`)];
  const others = texts.flatMap((text): WantedRule[] => {
    const parsed = parseRule(text, options.context);
    if (!('ok' in parsed) || parsed.ok.kind !== 'add') return [];
    return [{ text, rule: parsed.ok.rule, optional: false }];
  });
  return [...own, ...others];
}

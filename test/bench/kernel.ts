// The kernel's audit state around a measurement: saved once, set as each configuration wants it, put back whatever happens.

import { type AuditStatus, addRule, deleteRule, getStatus, listRules, setStatus } from '../../src/audit/control.ts';
import { decodeRule, encodeRule } from '../../src/audit/kernel-rules/bytes.ts';
import type { RuleNeeds } from '../../src/audit/kernel-rules/defaults.ts';
import { parseRule } from '../../src/audit/kernel-rules/parse.ts';
import type { RuleContext } from '../../src/audit/kernel-rules/rule.ts';
import { ARCH } from '../../src/audit/tables/arches.ts';
import { wantedRules } from '../../src/kernel-needs.ts';

/** As the agent's configuration has them by default. */
const BACKLOG_LIMIT = 8192;
const ARCHITECTURE = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const CONTEXT: RuleContext = {
  arch: ARCH[ARCHITECTURE],
  uid: () => undefined,
  gid: () => undefined,
  isDirectory: () => false,
};

export class KernelState {
  private readonly before: AuditStatus;
  private readonly rulesBefore: ReadonlySet<string>;

  /** Throws where a benchmark can't be made: no permission, another daemon, immutable rules. */
  constructor() {
    this.before = getStatus();
    if (this.before.pid !== 0) throw new Error(`an audit daemon is running (pid ${this.before.pid}): stop it first`);
    if (this.before.enabled === 2) throw new Error('the audit rules are immutable (auditctl -e 2) until the next boot');
    const rules = listRules();
    this.rulesBefore = new Set(rules.map(rule => Buffer.from(rule).toString('hex')));
  }

  get hostRules(): number {
    return this.rulesBefore.size;
  }

  /**
   * The limits and rules that the agent sets, for another owner: those of mode `own`, without the records that the agent spares, or
   * those of mode `share`, with all that an audit daemon writes down. Gives how many rules the kernel took.
   */
  prepare(needs: RuleNeeds, readerPid: number, mode: 'own' | 'share'): number {
    setStatus('rateLimit', 0);
    setStatus('backlogLimit', Math.max(this.before.backlogLimit, BACKLOG_LIMIT));
    setStatus('backlogWaitTime', 0);
    setStatus('enabled', 1);
    let count = 0;
    const wanted = wantedRules({ pid: readerPid, needs, texts: [], context: CONTEXT, keep: new Set() }, true, mode);
    for (const { rule, optional } of wanted) {
      try {
        addRule(encodeRule(rule));
        count++;
      } catch (error) {
        if (!optional) throw error;
      }
    }
    return count;
  }

  /**
   * No auditing. `enabled` 0 isn't enough: once it was on, every new process carries an audit context for the rest of the boot. A
   * rule `task,never` gives processes forked from now on none, as on a host that never audited.
   */
  off(): void {
    setStatus('enabled', 0);
    const parsed = parseRule('-a never,task', CONTEXT);
    if (!('ok' in parsed) || parsed.ok.kind !== 'add') throw new Error('never,task is no rule');
    addRule(encodeRule(parsed.ok.rule));
  }

  /** As it was before the benchmark. */
  restore(): void {
    for (const bytes of listRules()) {
      if (!this.rulesBefore.has(Buffer.from(bytes).toString('hex'))) deleteWhole(bytes);
    }
    const now = getStatus();
    for (const name of ['enabled', 'failure', 'rateLimit', 'backlogLimit', 'backlogWaitTime'] as const) {
      if (now[name] !== this.before[name]) setStatus(name, this.before[name]);
    }
  }
}

/** The kernel lists a rule with bytes that it doesn't take back (the length of its strings is padded): decoded and encoded it does. */
function deleteWhole(bytes: Uint8Array): void {
  const decoded = decodeRule(bytes);
  deleteRule('ok' in decoded ? encodeRule(decoded.ok) : bytes);
}

/** Records that the kernel dropped since boot for want of room in its backlog. */
export function kernelLost(): number {
  return getStatus().lost;
}

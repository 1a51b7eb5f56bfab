// Which audit mode fits a host's state, and what the operator must be told (pure).
//
//   own      the agent is the audit daemon: unicast, its own limits, all restored at the end
//   share    multicast beside an audit daemon, with rules of our own added
//   observe  multicast, no rules: uses what the host's rules produce

import type { Note } from '../core/source.ts';
import type { AuditStatus } from './control.ts';

export type Mode = 'own' | 'share' | 'observe';
export type RequestedMode = Mode | 'auto';

export interface HostAuditState {
  readonly status: AuditStatus;
  /** False when the kernel still names an audit daemon that is gone. */
  readonly ownerAlive: boolean;
  readonly ownerName?: string;
  /** The host's rules as auditctl prints them. */
  readonly rules: readonly string[];
  /** Record types that `exclude` rules keep back. */
  readonly excludedTypes: readonly string[];
  /** Other listeners of the audit multicast group. */
  readonly listeners: readonly string[];
}

export type ModeDecision =
  | { readonly ok: true; readonly mode: Mode; readonly addRules: boolean; readonly notes: readonly Note[] }
  | { readonly ok: false; readonly message: string };

export function decideMode(requested: RequestedMode, host: HostAuditState): ModeDecision {
  const { status } = host;
  const notes: Note[] = [];
  const warn = (code: string, message: string): void => void notes.push({ code, level: 'warning', message });
  const owned = status.pid !== 0 && host.ownerAlive;
  const owner = `${host.ownerName ?? 'a process'} (pid ${status.pid})`;

  if (requested === 'own' && owned) {
    return { ok: false, message: `${owner} is the audit daemon already: stop it, or use --audit-mode share` };
  }
  if (requested === 'own' && status.enabled === 2) {
    return {
      ok: false,
      message: 'the audit configuration is immutable until the next boot (enabled=2): use --audit-mode observe',
    };
  }

  let mode: Mode = requested === 'auto' ? (owned ? 'share' : 'own') : requested;
  if (status.enabled === 2 && mode !== 'observe') {
    mode = 'observe';
    warn(
      'audit_immutable',
      "the audit configuration is immutable until the next boot (enabled=2): only what the host's own rules produce is seen. " +
        'To change that, remove "-e 2" from the audit rules and reboot',
    );
  }
  let addRules = mode !== 'observe';
  if (status.failure === 2) {
    if (mode === 'own') {
      warn(
        'audit_failure_panic',
        'the kernel was set to panic on a lost audit record (failure=2): set to 1 while the agent runs, and restored at its end',
      );
    } else if (mode === 'share') {
      addRules = false;
      warn(
        'audit_failure_panic',
        "the kernel is set to panic on a lost audit record (failure=2): no rules are added, only what the host's own rules produce is seen. " +
          'Set "-f 1" in the audit rules to change that',
      );
    }
  }
  if (status.rateLimit !== 0) {
    warn(
      'audit_rate_limit',
      mode === 'own'
        ? `the kernel was limited to ${status.rateLimit} audit records a second: no limit while the agent runs, restored at its end`
        : `the kernel drops what is over ${status.rateLimit} audit records a second, silently: set "-r 0" in the audit rules`,
    );
  }
  if (status.enabled === 0) {
    if (mode === 'own') {
      warn(
        'audit_was_off',
        'auditing was off before: processes that run already stay invisible to audit, even after their next execve; only their new children and threads are seen. ' +
          'Put audit=1 on the kernel command line, or restart the daemons that matter',
      );
    } else {
      warn(
        'audit_off',
        'auditing is off (enabled=0), so no records come: run "auditctl -e 1", or use --audit-mode own',
      );
    }
  }
  if (mode !== 'own' && !owned) {
    warn(
      'audit_no_daemon',
      "no audit daemon holds the kernel's audit pid: the kernel writes records to its log as well",
    );
  }
  const never = host.rules.find(rule => /^-a (never,task|task,never)\b/.test(rule));
  if (never !== undefined) {
    warn(
      'audit_task_never',
      `the host's audit rule "${never}" keeps every process that starts under it from being audited: executions and connections are NOT seen. ` +
        'Delete it ("auditctl -d never,task", and in /etc/audit/rules.d), then restart the daemons that matter',
    );
  }
  const hidden = host.rules.filter(rule => /^-a (never,exit|exit,never)\b/.test(rule));
  if (hidden.length > 0) {
    warn(
      'audit_exit_never',
      `the first rule that matches decides, and the host's audit rule "${hidden[0]}"${hidden.length > 1 ? ` and ${hidden.length - 1} more` : ''} ` +
        'stands before ours: what it matches is not seen',
    );
  }
  const missing = host.excludedTypes.filter(type =>
    ['CWD', 'EOE', 'PROCTITLE', 'PATH', 'EXECVE', 'SOCKADDR', 'SYSCALL'].includes(type),
  );
  if (missing.length > 0) {
    warn(
      'audit_excluded',
      `the host's audit rules exclude ${missing.join(', ')} records: what they hold is absent from events`,
    );
  }
  if (host.listeners.length > 0 && mode !== 'observe') {
    notes.push({
      code: 'audit_listeners',
      level: 'info',
      message:
        `${host.listeners.join(', ')} also ${host.listeners.length === 1 ? 'receives' : 'receive'} every audit record that our rules provoke, about 1 KB an execution. ` +
        'For journald: Audit=no in journald.conf, or "systemctl mask systemd-journald-audit.socket"',
    });
  }
  return { ok: true, mode, addRules, notes };
}

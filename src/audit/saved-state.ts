// What the agent changed in the kernel's audit state, kept in a file so that it is undone also after a crash (edge: files, netlink).

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { AuditError, deleteRule, getStatus, type Settable, setStatus } from './control.ts';

/** The values that the agent changes, without the pid, which the kernel clears by itself. */
type Limit = Exclude<Settable, 'pid'>;

export interface SavedState {
  readonly version: 1;
  /** Nothing is restored after a reboot. */
  readonly bootId: string;
  readonly pid: number;
  readonly startTicks: number;
  /** For each changed value what it was and what the agent set: one that somebody else changed since is left alone. */
  readonly changed: Partial<Record<Limit, { readonly was: number; readonly set: number }>>;
  /** The rules that the agent added: struct audit_rule_data in base64. */
  readonly rules: readonly string[];
}

export function readSavedState(path: string): SavedState | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const state = JSON.parse(text) as SavedState;
  if (state.version !== 1 || typeof state.bootId !== 'string' || !Array.isArray(state.rules)) {
    throw new Error(`${path}: not a saved audit state of this version`);
  }
  return state;
}

/** Replaces the file in one step; it is on the disk when this returns. */
export function writeSavedState(path: string, state: SavedState): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeSync(fd, JSON.stringify(state));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

export function removeSavedState(path: string): void {
  rmSync(path, { force: true });
}

/**
 * Puts the kernel back: deletes our rules, then sets what we changed back where it still is what we set. Goes on after an error;
 * gives what was restored, and what couldn't be.
 */
export function restoreKernel(state: SavedState): { readonly restored: string[]; readonly failed: string[] } {
  const restored: string[] = [];
  const failed: string[] = [];
  let rules = 0;
  for (const rule of state.rules) {
    try {
      deleteRule(Buffer.from(rule, 'base64'));
      rules++;
    } catch (error) {
      if (!(error instanceof AuditError && error.code === 'ENOENT')) failed.push(String(error));
    }
  }
  if (rules > 0) restored.push(`${rules} rules deleted`);
  try {
    const now = getStatus();
    // `enabled` last: what was lost while it is on is still told.
    for (const name of ['failure', 'rateLimit', 'backlogLimit', 'backlogWaitTime', 'enabled'] as const) {
      const change = state.changed[name];
      if (change === undefined || now[name] !== change.set || change.was === change.set) continue;
      try {
        setStatus(name, change.was);
        restored.push(`${name} ${change.was}`);
      } catch (error) {
        failed.push(String(error));
      }
    }
  } catch (error) {
    failed.push(String(error));
  }
  return { restored, failed };
}

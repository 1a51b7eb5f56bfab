import { describe, expect, test } from 'bun:test';
import type { AuditStatus } from '../../src/audit/control.ts';
import { decideMode, type HostAuditState, type RequestedMode } from '../../src/audit/mode.ts';

const STATUS: AuditStatus = {
  enabled: 1,
  failure: 1,
  pid: 0,
  rateLimit: 0,
  backlogLimit: 8192,
  lost: 0,
  backlog: 0,
  backlogWaitTime: 15000,
};

function decide(requested: RequestedMode, status: Partial<AuditStatus> = {}, host: Partial<HostAuditState> = {}) {
  return decideMode(requested, {
    status: { ...STATUS, ...status },
    ownerAlive: false,
    rules: [],
    excludedTypes: [],
    listeners: [],
    ...host,
  });
}

function accepted(requested: RequestedMode, status: Partial<AuditStatus> = {}, host: Partial<HostAuditState> = {}) {
  const decision = decide(requested, status, host);
  if (!decision.ok) throw new Error(decision.message);
  return { mode: decision.mode, addRules: decision.addRules, codes: decision.notes.map(note => note.code) };
}

describe('auto', () => {
  test('owns when nobody does', () => expect(accepted('auto')).toEqual({ mode: 'own', addRules: true, codes: [] }));
  test('shares beside a living daemon', () =>
    expect(accepted('auto', { pid: 77 }, { ownerAlive: true })).toEqual({ mode: 'share', addRules: true, codes: [] }));
  test('owns when the named daemon is dead', () => expect(accepted('auto', { pid: 77 }).mode).toBe('own'));
  test('observes, told, when the configuration is immutable', () => {
    const decision = accepted('auto', { enabled: 2, pid: 77 }, { ownerAlive: true });
    expect(decision).toEqual({ mode: 'observe', addRules: false, codes: ['audit_immutable'] });
  });
});

describe('what was asked for is refused where it cannot be', () => {
  test('own beside a daemon', () => {
    const decision = decide('own', { pid: 77 }, { ownerAlive: true, ownerName: 'auditd' });
    expect(decision).toMatchObject({ ok: false, message: expect.stringContaining('auditd (pid 77)') });
  });
  test('own of an immutable configuration', () => expect(decide('own', { enabled: 2 })).toMatchObject({ ok: false }));
});

describe('states of a host', () => {
  test('failure=2: own changes it, share adds no rules', () => {
    expect(accepted('own', { failure: 2 })).toEqual({ mode: 'own', addRules: true, codes: ['audit_failure_panic'] });
    expect(accepted('share', { failure: 2, pid: 7 }, { ownerAlive: true })).toEqual({
      mode: 'share',
      addRules: false,
      codes: ['audit_failure_panic'],
    });
  });
  test('a rate limit is told', () => expect(accepted('auto', { rateLimit: 10 }).codes).toEqual(['audit_rate_limit']));
  test('auditing was off', () => {
    expect(accepted('auto', { enabled: 0 }).codes).toEqual(['audit_was_off']);
    expect(accepted('observe', { enabled: 0, pid: 5 }, { ownerAlive: true }).codes).toEqual(['audit_off']);
  });
  test('task,never in both spellings', () => {
    for (const rule of ['-a never,task', '-a task,never'])
      expect(accepted('auto', {}, { rules: [rule] }).codes).toEqual(['audit_task_never']);
  });
  test('rules of the host that hide what ours would see', () => {
    const hides = ['-a never,exit -S all -F auid!=1000', '-a exit,never -S execve'];
    for (const rule of hides) expect(accepted('auto', {}, { rules: [rule] }).codes).toEqual(['audit_exit_never']);
    expect(accepted('auto', {}, { rules: ['-a never,filesystem -F fstype=tracefs'] }).codes).toEqual([]);
  });
  test('excluded record types that events need', () => {
    expect(accepted('auto', {}, { excludedTypes: ['CWD', 'USER_CMD'] }).codes).toEqual(['audit_excluded']);
    expect(accepted('auto', {}, { excludedTypes: ['USER_CMD'] }).codes).toEqual([]);
  });
  test('listeners are told only where our rules provoke more', () => {
    const listeners = ['systemd-journal (pid 300)'];
    expect(accepted('auto', {}, { listeners }).codes).toEqual(['audit_listeners']);
    expect(accepted('observe', { pid: 1 }, { ownerAlive: true, listeners }).codes).toEqual([]);
  });
  test('multicast without a daemon is told', () => expect(accepted('observe').codes).toEqual(['audit_no_daemon']));
});

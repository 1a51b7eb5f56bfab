// Which rules can fire where not all sources run.

import { expect, test } from 'bun:test';
import type { Module } from '../../src/core/event.ts';
import { verdictOf } from '../../src/rules/verdict.ts';
import { rule } from './helpers.ts';

const made = (logsource: object) =>
  rule({ logsource: { product: 'linux', ...logsource }, detection: { sel: ['word'], condition: 'sel' } });
const missing = (logsource: object, ...sources: Module[]) => verdictOf(made(logsource), sources).missing;

test('a rule that none of them feeds can’t fire, says which it needs, and needs nothing of the kernel', () => {
  const verdict = verdictOf(made({ category: 'process_creation' }), ['fsnotify', 'logs']);
  expect(verdict).toMatchObject({
    canFire: false,
    missing: 'audit',
    reason: "needs the audit source, which doesn't run",
  });
  expect(verdict.needs.exec).toBe(false);
  expect(missing({ category: 'network_connection' }, 'fsnotify')).toBe('audit');
  expect(missing({ service: 'auditd' }, 'fsnotify', 'logs')).toBe('audit');
  // Reads are asked of audit.
  expect(missing({ category: 'file_access' }, 'fsnotify')).toBe('audit');
  expect(missing({ category: 'file_event' }, 'audit', 'logs')).toBe('fsnotify');
  expect(missing({ service: 'sshd' }, 'audit', 'fsnotify')).toBe('logs');
});

test('one that any of them feeds can; without a list, all do', () => {
  expect(verdictOf(made({ category: 'file_event' }), ['fsnotify']).canFire).toBe(true);
  expect(verdictOf(made({}), ['logs'])).toMatchObject({
    canFire: true,
    stream: 'log',
    needs: { exec: false, logs: true },
  });
  expect(verdictOf(made({}), ['audit'])).toMatchObject({ canFire: true, stream: 'exec', needs: { logs: false } });
  expect(verdictOf(made({ category: 'process_creation' })).canFire).toBe(true);
});

test('what keeps it from firing anywhere is told first', () =>
  expect(verdictOf(made({ category: 'webserver' }), ['logs'])).toMatchObject({
    canFire: false,
    reason: 'no source feeds web server logs yet',
  }));

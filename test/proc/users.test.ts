import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { CredentialStore } from '../../src/proc/credentials.ts';
import { openUsers, parseAccounts } from '../../src/proc/users.ts';
import { FakeHost } from './host-model.ts';

const dir = mkdtempSync(path.join(os.tmpdir(), 'puppy-users-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('account lines', () => {
  const text = [
    'root:x:0:0:root:/root:/bin/bash',
    'toor:x:0:0::/root:/bin/sh',
    '# a comment: with : colons',
    '+::::::',
    'no colons',
    ':x:5:5:::',
    'bad:x:12x:1:::',
    'big:x:4294967295:1:::',
    'group:x:100:a,b',
    'last:x:65534',
  ].join('\n');
  expect([...parseAccounts(Buffer.from(text))]).toEqual([
    [0, 'root'],
    [100, 'group'],
    [65534, 'last'],
  ]);
});

test('parsing never throws and is not quadratic', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), bytes => void parseAccounts(Buffer.from(bytes))));
  for (const line of ['\n', ':\n', 'a:\n', '::\n', ':::\n', 'x', 'a:b:1\n']) {
    const many = line.repeat(1_000_000 / line.length);
    for (const end of ['', ':', 'a:', 'a:b:1']) parseAccounts(Buffer.from(many + end));
  }
}, 5_000);

test('a replaced file is read again, a missing one keeps its names', () => {
  const passwd = path.join(dir, 'passwd');
  const group = path.join(dir, 'group');
  writeFileSync(passwd, 'ann:x:1000:1000:::\n');
  const users = openUsers(passwd, group);
  expect(users.userName(1000)).toBeUndefined();
  const first = users.refresh();
  expect(users.userName(1000)).toBe('ann');
  expect(users.refresh()).toBe(first);
  writeFileSync(`${passwd}+`, 'bob:x:1000:1000:::\n');
  renameSync(`${passwd}+`, passwd);
  writeFileSync(group, 'wheel:x:10:\n');
  expect(users.refresh()).toBeGreaterThan(first);
  expect(users.userName(1000)).toBe('bob');
  expect(users.groupName(10)).toBe('wheel');
  unlinkSync(passwd);
  users.refresh();
  expect(users.userName(1000)).toBe('bob');
});

test('credentials are shared, and made anew when the account files change', () => {
  const host = new FakeHost();
  host.userNames.set(1000, 'ann');
  const store = new CredentialStore(host.facts());
  store.refresh(1_000);
  const ids = { uid: 1000, euid: 1000, suid: 1000, fsuid: 1000, gid: 5, egid: 5, sgid: 5, fsgid: 5 };
  const first = store.credentials(ids);
  expect(first?.uid).toEqual({ id: 1000, name: 'ann' });
  expect(first?.gid).toEqual({ id: 5 });
  expect(store.credentials({ ...ids })).toBe(first!);
  expect(store.credentials({ ...ids, euid: 0 })?.euid).toEqual({ id: 0, name: 'root' });
  expect(store.credentials({})).toBeUndefined();
  expect(store.credentials({ uid: 7 })).toEqual({ uid: { id: 7 } });
  host.userNames.set(1000, 'bob');
  host.usersVersion++;
  store.refresh(1_999);
  expect(store.credentials(ids)).toBe(first!);
  store.refresh(2_000);
  expect(store.credentials(ids)?.uid).toEqual({ id: 1000, name: 'bob' });
});

test('different ids never share credentials', () => {
  const store = new CredentialStore(new FakeHost().facts());
  const id = fc.option(fc.constantFrom(0, 1, 2 ** 26 - 1, 2 ** 26, 4294967294), { nil: undefined });
  const ids = fc.record({ uid: id, euid: id, suid: id, fsuid: id, gid: id, egid: id, sgid: id, fsgid: id });
  const clean = (i: object) => Object.fromEntries(Object.entries(i).filter(([, v]) => v !== undefined));
  fc.assert(
    fc.property(ids, raw => {
      const made = store.credentials(clean(raw)) ?? {};
      expect(Object.fromEntries(Object.entries(made).map(([k, v]) => [k, v.id]))).toEqual(clean(raw));
    }),
  );
});

test('a session that was opened tells where from', () => {
  const store = new CredentialStore(new FakeHost().facts());
  expect(store.login(undefined, undefined)).toBeUndefined();
  expect(store.login(0, 3)).toEqual({ auid: { id: 0, name: 'root' }, session: 3 });
  store.noteSession(3, 0, 'ssh', '192.0.2.1');
  expect(store.login(0, 3)).toEqual({
    auid: { id: 0, name: 'root' },
    session: 3,
    terminal: 'ssh',
    address: '192.0.2.1',
  });
  expect(store.login(0, 4)).toEqual({ auid: { id: 0, name: 'root' }, session: 4 });
});

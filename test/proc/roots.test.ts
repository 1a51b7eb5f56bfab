import { describe, expect, test } from 'bun:test';
import { FileJudge, namespaceEffect } from '../../src/proc/roots.ts';
import { BOOT_MS, FakeHost } from './host-model.ts';

const T = BOOT_MS + 1_000_000;
const OLD = BOOT_MS - 1_000_000;

function judgeOn(host: FakeHost): FileJudge {
  return new FileJudge(host.facts());
}

describe('an executed file against the host', () => {
  test('a device is trusted once a file on it agreed', () => {
    const host = new FakeHost();
    host.files.set('/usr/sbin/sshd', { dev: '08:01', inode: '7', ctimeMs: OLD });
    host.files.set('/usr/bin/ls', { dev: '08:01', inode: '8', ctimeMs: OLD });
    const judge = judgeOn(host);
    const fake = { dev: '00:2f', inode: '99' };
    expect(judge.judge('/usr/sbin/sshd', fake, T)).toBe('unknown');
    expect(judge.judge('/usr/bin/ls', { dev: '08:01', inode: '8' }, T)).toBe('host');
    expect(judge.judge('/usr/sbin/sshd', fake, T)).toBe('foreign');
    // The inode of the real one, on another file system.
    expect(judge.judge('/usr/sbin/sshd', { dev: '00:2f', inode: '7' }, T)).toBe('foreign');
    expect(judge.judge('/usr/sbin/sshd', { dev: '08:01', inode: '7' }, T)).toBe('host');
  });

  test('a file that was just replaced is no foreign one', () => {
    const host = new FakeHost();
    host.files.set('/usr/bin/ls', { dev: '08:01', inode: '8', ctimeMs: OLD });
    const judge = judgeOn(host);
    expect(judge.judge('/usr/bin/ls', { dev: '08:01', inode: '8' }, T)).toBe('host');
    // Upgraded between the exec and this look.
    host.files.set('/usr/bin/ls', { dev: '08:01', inode: '9', ctimeMs: T + 5 });
    expect(judge.judge('/usr/bin/ls', { dev: '08:01', inode: '9' }, T + 10)).toBe('host');
    expect(judge.judge('/usr/bin/ls', { dev: '08:01', inode: '8' }, T + 10)).toBe('unknown');
    expect(judge.judge('/usr/bin/ls', { dev: '08:01', inode: '8' }, T + 60_000)).toBe('foreign');
  });

  test('btrfs: devices differ always, inodes agree', () => {
    const host = new FakeHost();
    const judge = judgeOn(host);
    for (let i = 0; i < 4; i++) {
      host.files.set(`/usr/bin/${i}`, { dev: '00:21', inode: `${i}`, ctimeMs: OLD });
      expect(judge.judge(`/usr/bin/${i}`, { dev: '00:1e', inode: `${i}` }, T)).toBe('host');
    }
    expect(judge.judge('/usr/bin/0', { dev: '00:44', inode: '0' }, T)).toBe('foreign');
    expect(judge.judge('/usr/bin/0', { dev: '00:1e', inode: '500' }, T)).toBe('unknown');
  });

  test('overlay: neither need agree, so nothing is judged', () => {
    const host = new FakeHost();
    const judge = judgeOn(host);
    for (let i = 0; i < 20; i++) {
      host.files.set(`/usr/bin/${i}`, { dev: '00:31', inode: `${i}`, ctimeMs: OLD });
      expect(judge.judge(`/usr/bin/${i}`, { dev: '00:30', inode: `${1000 + i}` }, T)).toBe('unknown');
    }
  });

  test('only system paths are looked up, and each only once in a while', () => {
    const host = new FakeHost();
    let asked = 0;
    const judge = new FileJudge({
      ...host.facts(),
      hostFile: () => {
        asked++;
        return { dev: '08:01', inode: '1', ctimeMs: OLD };
      },
    });
    for (const path of ['/home/u/x', '/tmp/x', '/proc/self/exe', 'relative', '/memfd:x (deleted)', '/mnt/nfs/x']) {
      expect(judge.judge(path, { dev: '08:01', inode: '1' }, T)).toBe('unknown');
    }
    expect(asked).toBe(0);
    for (let i = 0; i < 100; i++) judge.judge('/usr/bin/x', { dev: '08:01', inode: '1' }, T + i);
    expect(asked).toBe(1);
    judge.judge('/usr/bin/x', { dev: '08:01', inode: '1' }, T + 20_000);
    expect(asked).toBe(2);
  });
});

test('what a namespace call does to paths', () => {
  const record = (fields: Record<string, string>) => ({ get: (name: string) => fields[name] });
  expect(namespaceEffect(record({ syscall: '272', a0: '20000' }))).toBe('mounts');
  expect(namespaceEffect(record({ SYSCALL: 'unshare', a0: '10000000' }))).toBe('none');
  expect(namespaceEffect(record({ syscall: '97', a0: '7e020000' }))).toBe('mounts');
  expect(namespaceEffect(record({ syscall: '308', a0: '3', a1: '0' }))).toBe('entered');
  expect(namespaceEffect(record({ syscall: '308', a0: '3', a1: '40000000' }))).toBe('none');
  expect(namespaceEffect(record({ SYSCALL: 'setns', a0: '3', a1: '20000' }))).toBe('entered');
  expect(namespaceEffect(undefined)).toBe('entered');
});

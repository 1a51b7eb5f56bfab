import { describe, expect, test } from 'bun:test';
import { type FileNeed, planWatches, WATCHES_MAX } from '../../../src/audit/kernel-rules/watches.ts';
import { host } from '../../agent/host.ts';

const HOST = host(
  '/etc/shadow',
  '/etc/os-release -> /usr/lib/os-release',
  '/usr/lib/os-release',
  '/etc/lsb-release',
  '/etc/profile.d/x.sh',
  '/var/run -> /run',
  '/run/',
  '/root/.config/systemd/user/',
  '/home/alice/.profile',
  '/home/bob/',
  '/proc/1/maps',
  '/proc/sys/kernel/sysrq',
  '/tmp/',
);

const plan = (path: string, access: FileNeed['access'] = 'write') => planWatches([{ path, access }], HOST);
const watched = (path: string, access?: FileNeed['access']): string[] =>
  plan(path, access).watches.map(watch => `${watch.kind} ${watch.path} ${watch.perm}`);

describe('a path', () => {
  test.each([
    ['/etc/shadow', 'write', ['path /etc/shadow wa']],
    ['/etc/shadow', 'read', ['path /etc/shadow r']],
    ['/etc/shadow', 'any', ['path /etc/shadow rwa']],
    // The file may come; its folder is there.
    ['/etc/ld.so.preload', 'write', ['path /etc/ld.so.preload wa']],
    // The folder's link is followed, as the kernel does.
    ['/var/run/daemon.pid', 'any', ['path /run/daemon.pid rwa']],
    // What is read is what the link leads to; what is replaced may be the link.
    ['/etc/os-release', 'read', ['path /usr/lib/os-release r']],
    ['/etc/os-release', 'write', ['path /etc/os-release wa', 'path /usr/lib/os-release wa']],
    ['/proc/sys/kernel/sysrq', 'write', ['dir /proc/sys/kernel/sysrq wa']],
    ['/etc/audit/rules', 'write', []],
  ] as const)('%s %s', (path, access, expected) => expect(watched(path, access)).toEqual([...expected]));

  test('in a folder that is not there is told', () =>
    expect(plan('/etc/audit/rules')).toEqual({ watches: [], notes: [], absent: ['/etc/audit/rules'] }));
});

describe('a pattern', () => {
  test.each([
    ['/etc/profile.d/*', 'write', ['dir /etc/profile.d wa']],
    ['/etc/profile.d/', 'write', ['dir /etc/profile.d wa']],
    // Only what is there can be read.
    ['/etc/*release', 'read', ['path /etc/lsb-release r', 'path /usr/lib/os-release r']],
    ['/home/*/.profile', 'write', ['path /home/alice/.profile wa', 'path /home/bob/.profile wa']],
    ['/home/?ob/.profile', 'write', ['path /home/bob/.profile wa']],
    ['*/.config/systemd/user/*', 'write', ['dir /root/.config/systemd/user wa']],
    ['*/sysctl.conf', 'write', ['path /etc/sysctl.conf wa']],
    ['/tmp/*', 'write', ['dir /tmp wa']],
    ['/tmp/*', 'any', []],
    ['/*', 'write', []],
    ['/*/passwd', 'write', []],
    ['*passwd', 'write', []],
    ['*', 'any', []],
    ['/proc/*/maps', 'read', []],
    ['/etc/a\\b', 'write', []],
  ] as const)('%s %s', (path, access, expected) => expect(watched(path, access)).toEqual([...expected]));

  test.each([
    ['/tmp/*', 'write', 'every change below /tmp'],
    ['/tmp/*', 'any', 'nearly every program'],
    ['/*', 'write', 'nearly every program'],
    ['*passwd', 'write', 'begins with a wildcard'],
    ['/proc/*/maps', 'read', 'processes come and go'],
  ] as const)('%s %s is told of', (path, access, note) => expect(plan(path, access).notes.join()).toContain(note));
});

test('one watch for all accesses of a file, none for a file in a watched folder', () => {
  const needs: FileNeed[] = [
    { path: '/etc/shadow', access: 'write' },
    { path: '/etc/shadow', access: 'read' },
    { path: '/etc/profile.d/*', access: 'write' },
    { path: '/etc/profile.d/x.sh', access: 'write' },
  ];
  expect(planWatches(needs, HOST).watches).toEqual([
    { kind: 'dir', path: '/etc/profile.d', perm: 'wa' },
    { kind: 'path', path: '/etc/shadow', perm: 'rwa' },
  ]);
});

test('a host with many homes has a bound', () => {
  const homes = Array.from({ length: 2_000 }, (_, i) => `/home/u${i}/`);
  const { watches, notes } = planWatches([{ path: '/home/*/.profile', access: 'write' }], host(...homes));
  expect(watches).toHaveLength(WATCHES_MAX);
  expect(notes.join()).toContain('watches are the most');
});

test('a hostile pattern takes no time', () => {
  const pattern = `/etc/${'*a'.repeat(200)}b`;
  const started = performance.now();
  planWatches([{ path: pattern, access: 'read' }], host(`/etc/${'a'.repeat(255)}`));
  expect(performance.now() - started).toBeLessThan(1_000);
});

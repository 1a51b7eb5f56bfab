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
  '/tmp/x.key',
  '/root/.ssh/id_rsa',
  '/home/alice/.ssh/id_rsa',
  '/run/docker.sock',
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

test('a pattern of which nothing is there is told', () => {
  const absent = (path: string, access: FileNeed['access']) => plan(path, access).absent;
  expect(absent('/home/*/.mozilla/*/key4.db', 'open')).toEqual(['/home/*/.mozilla/*/key4.db']);
  expect(absent('/etc/x*', 'read')).toEqual(['/etc/x*']);
  expect(absent('/etc/*release', 'read')).toEqual([]);
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

describe('reads of content', () => {
  const opens = (...paths: readonly string[]) =>
    planWatches(
      paths.map(path => ({ path, access: 'open' })),
      HOST,
    );
  const told = (...paths: readonly string[]): string[] =>
    opens(...paths).watches.map(({ kind, path, perm, by, names = [] }) => [kind, path, perm, by, ...names].join(' '));
  test.each<[string, string[]]>([
    ['/etc/shadow', ['path /etc/shadow r open /etc/shadow']],
    ['/etc/ld.so.preload', ['path /etc/ld.so.preload r open /etc/ld.so.preload']],
    ['/etc/os-release', ['path /usr/lib/os-release r open /etc/os-release']],
    ['/var/run/docker.sock', ['path /run/docker.sock r connect /var/run/docker.sock']],
    ['/run/absent.sock', ['path /run/absent.sock r connect /run/absent.sock']],
    ['/proc/sys/kernel/sysrq', ['dir /proc/sys/kernel/sysrq r open /proc/sys/kernel/sysrq']],
    // What comes later and lies deeper, and by its name what is there.
    ['/root/.ssh/*', ['dir /root/.ssh r open', 'path /root/.ssh/id_rsa r open /root/.ssh/id_rsa']],
    ['*/.ssh/id_*', ['/home/alice', '/root'].map(home => `path ${home}/.ssh/id_rsa r open ${home}/.ssh/id_rsa`)],
    // A folder's watch for each home would cost every open.
    ['/home/*/.ssh/*', ['path /home/alice/.ssh/id_rsa r open /home/alice/.ssh/id_rsa']],
    ['/tmp/*', ['path /tmp/x.key r open /tmp/x.key']],
    ['/proc/*/mem', []],
    ['/proc/1/mem', []],
    ['*', []],
  ])('%s', (path, expected) => expect(told(path)).toEqual(expected));

  test('a file is watched once, by all of its names', () =>
    expect(told('/run/docker.sock', '/var/run/docker.sock')).toEqual([
      'path /run/docker.sock r connect /run/docker.sock /var/run/docker.sock',
    ]));
  test('apart from what else is asked of it', () => {
    const both: FileNeed[] = [
      { path: '/etc/profile.d/*', access: 'any' },
      { path: '/etc/profile.d/x.sh', access: 'open' },
    ];
    expect(planWatches(both, HOST).watches.map(({ by }) => by)).toEqual([undefined, 'open']);
  });
  test.each([
    ['/proc/*/mem', 'audit has no watch'],
    ['/proc/self/mem', 'audit has no watch'],
    ['/tmp/*', 'only files directly in /tmp'],
    ['/home/*/.ssh/*', 'only files directly in /home/alice/.ssh'],
    ['/*', 'only files directly in /'],
    ['*', 'begins with a wildcard'],
  ])('%s is told of', (path, note) => expect(opens(path).notes.join()).toContain(note));
  test('names of files in a watched folder take nobody’s room', () => {
    const many = Array.from({ length: 300 }, (_, i) => `/etc/certs/${i}`);
    const needs = ['/etc/certs/*', '/etc/shadow'].map(path => ({ path, access: 'open' }) as const);
    const { watches, notes } = planWatches(needs, host('/etc/shadow', ...many));
    expect(watches).toHaveLength(WATCHES_MAX);
    expect(watches.slice(0, 2).map(({ path }) => path)).toEqual(['/etc/certs', '/etc/shadow']);
    expect(notes).toEqual([]);
  });
  test('a name that no watch takes is left out', () => {
    const { watches, notes } = planWatches([{ path: '/etc/*', access: 'open' }], host('/etc/a\nb', '/etc/c'));
    expect(watches.map(({ path }) => path)).toEqual(['/etc', '/etc/c']);
    expect(notes.join()).toContain('no watch takes');
  });
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

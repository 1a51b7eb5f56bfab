import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { DEFAULT_EXCLUDES, DEFAULT_PATHS } from '../../src/fsnotify/defaults.ts';
import { WatchSet } from '../../src/fsnotify/watch-set.ts';
import { expandPatterns } from '../../src/fsnotify/web/roots.ts';

const set = new WatchSet(expandPatterns(DEFAULT_PATHS, ['/var/www/html']), DEFAULT_EXCLUDES);

test('patterns are absolute, written once, and end in no slash', () => {
  for (const list of [DEFAULT_PATHS, DEFAULT_EXCLUDES]) {
    expect(list.filter(one => !/^(\/.*[^/]|%web%)$/.test(one))).toEqual([]);
    expect(new Set(list).size).toBe(list.length);
  }
});

describe('what attackers do to a file is seen', () => {
  test.each([
    ...['/etc/cron.d/job', '/root/.bashrc', '/etc/profile.d/x.sh', '/etc/pam.d/common-auth', '/etc/ld.so.preload'],
    ...[
      '/var/www/html/shell.php',
      '/etc/udev/rules.d/99-x.rules',
      '/var/log/hb/auth.log',
      '/etc/audit/rules.d/z.rules',
    ],
    ...[
      '/var/log/wtmp',
      '/var/log/audit/audit.log',
      '/home/a/.bash_history',
      '/home/a/.ssh/authorized_keys',
      '/root/.ssh',
    ],
    ...['/usr/bin/ls', '/usr/sbin/sshd', '/usr/lib/x86_64-linux-gnu/security/pam_unix.so', '/usr/lib64/security/x.so'],
    ...[
      '/usr/lib/x86_64-linux-gnu/libc.so.6',
      '/usr/lib/modules/6.1/extra/x.ko',
      '/boot/grub/grub.cfg',
      '/boot/vmlinuz',
    ],
    ...['/etc/shadow', '/etc/sudoers.d/x', '/etc/systemd/system/x.timer', '/usr/lib/systemd/system-generators/x'],
    ...['/home/a/.config/systemd/user/x.service', '/home/a/.config/autostart/x.desktop', '/root/.local/bin/ls'],
    ...['/var/spool/cron/crontabs/root', '/var/spool/cron/root', '/dev/shm/.x/miner', '/var/tmp/x', '/tmp/a/b/c'],
    ...['/etc/kubernetes/manifests/x.yaml', '/etc/docker/daemon.json', '/usr/local/bin/x', '/opt/app/bin/x'],
    ...['/var/lib/dpkg/info/coreutils.md5sums', '/usr/lib/modprobe.d/x.conf', '/run/haldrund.pid', '/etc/rc.local'],
    ...['/usr/local/lib/python3.11/dist-packages/x.pth', '/etc/hosts', '/etc/resolv.conf', '/etc/ld.so.cache'],
  ])('%s', path => expect(set.covers(path)).toBe(true));
});

describe('what means nothing is left out', () => {
  test.each([
    ...[
      '/etc/.passwd.swp',
      '/etc/cron.d/job~',
      '/etc/adjtime',
      '/etc/mtab',
      '/etc/lvm/archive/x',
      '/etc/.git/objects/a',
    ],
    ...[
      '/var/log/journal/a/system.journal',
      '/var/log/journal',
      '/var/lib/apt/lists/x',
      '/var/cache/x',
      '/home/a/notes.txt',
    ],
    ...['/home/a/.cache/x', '/home/a/.mozilla/x', '/home/a/.viminfo', '/root/.lesshst', '/home/a/.xsession-errors.old'],
    ...['/var/lib/docker/overlay2/x/diff/etc/passwd', '/usr/share/doc/x', '/usr/lib/python3.11/os.py', '/proc/1/mem'],
    ...[
      '/home/a/.config/chrome/Default/History',
      '/home/a/.config/chrome/state',
      '/var/lib/mysql/x',
      '/usr/local/lib/x/y',
    ],
  ])('%s', path => expect(set.covers(path)).toBe(false));
});

test("editors' copies are left out only where nothing would run or believe them", () => {
  // cron takes any name without a dot; the temporary directories hold what was put there.
  for (const path of ['/etc/cron.d/4913', '/tmp/.x.swp', '/tmp/x~', '/usr/bin/x~', '/etc/sudoers.d/x.dpkg-new'])
    expect([path, set.covers(path)]).toEqual([path, true]);
});

const shared = process.env.PUPPY_SHARED_DATA ?? join(import.meta.dir, '../../../shared/data');
const rules = join(shared, 'sigma/rules');

/** What the rule's TargetFilename names, by modifier: filters too. */
function* named(value: unknown): Generator<readonly [modifier: string, literal: string]> {
  if (Array.isArray(value)) for (const one of value) yield* named(one);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [key, given] of Object.entries(value)) {
    const [field, modifier = ''] = key.split('|');
    if (field !== 'TargetFilename') yield* named(given);
    else for (const one of [given].flat()) yield [modifier, String(one)];
  }
}

test("SigmaHQ's file rules: whatever they name is covered, where it's said or somewhere that it can be", () => {
  if (!existsSync(rules)) return;
  const files = [...new Bun.Glob('**/file_*.yml').scanSync({ cwd: rules })].filter(
    path => /category: file_/.test(readFileSync(join(rules, path), 'utf8')) && path.includes('lnx'),
  );
  expect(files.length).toBeGreaterThanOrEqual(16);
  // Filters and an exploit's own legitimate files name what isn't looked for.
  const passedOver = /^\/(sys|run)\/|^\/var\/log\/journal|^\/usr\/share\/factory/;
  const missing: string[] = [];
  for (const path of files) {
    for (const document of parseAllDocuments(readFileSync(join(rules, path), 'utf8'))) {
      for (const [modifier, literal] of named(document.toJS().detection)) {
        if (modifier === 're' || passedOver.test(literal)) continue;
        const isWhere = modifier === '' || modifier === 'startswith';
        const tail = modifier === 'startswith' && literal.endsWith('/') ? 'x' : '';
        const places = isWhere
          ? [literal + tail]
          : [literal, `/tmp${literal}`, `/tmp/${literal}`, `/home/a${literal}`].map(place =>
              place.replace(/\/$/, '/x'),
            );
        if (!places.some(place => place.startsWith('/') && set.covers(place))) missing.push(`${path}: ${literal}`);
      }
    }
  }
  expect(missing).toEqual([]);
  for (const literal of ['/.config/sysmon/sysmon.py', '/.config/systemd/user/sysmon.service'])
    for (const home of ['/root', '/home/a'])
      expect([home + literal, set.covers(home + literal)]).toEqual([home + literal, true]);
});

// SigmaHQ's rules over files, each fired by what it looks for, done for real; and everyday work, at which the project's own rules are quiet.

import { afterAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at, guardKernel, type Line, SHARED, text } from './agent.ts';
import { world } from './world.ts';

guardKernel();

const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('content') });
afterAll(() => server.stop(true));

const SIGMA = join(SHARED, 'sigma/rules');
const LONG = 'a'.repeat(120);

/** The rule's title, the file, and what is done to it ($F) where it isn't just written. */
type Row = readonly [title: string, file: string, action?: string];

const WRITES = 'echo "# nothing" > "$F"';

const FIRES: readonly Row[] = [
  ['Axios NPM Compromise File Creation Indicators - Linux', '/tmp/ld.py', 'curl --silent --output "$F" $URL'],
  ['Linux Doas Conf File Creation', '/etc/doas.conf'],
  ['New Cron File Created', '/etc/cron.d/puppy.test'],
  ['Non-Standard Nsswitch.Conf Creation - Potential CVE-2025-32463 Exploitation', '/srv/woot/etc/nsswitch.conf'],
  ['Persistence Via Sudoers.d Files', '/etc/sudoers.d/puppy.test'],
  [
    'Potential SAP NetWeaver Webshell Creation - Linux',
    '/srv/j2ee/cluster/apps/sap.com/irj/servlet_jsp/irj/root/x.jsp',
  ],
  ['Potentially Suspicious Long Filename Pattern - Linux', `/srv/${LONG}`],
  ['Potentially Suspicious Shell Script Creation in Profile Folder', '/etc/profile.d/puppy.sh'],
  ['Python Path Configuration File Creation - Linux', '/usr/local/lib/python3.11/site-packages/x.pth'],
  ['Shai-Hulud Malicious GitHub Workflow Creation', '/srv/app/.github/workflows/shai-hulud.yaml'],
  ['Suspicious Filename with Embedded Base64 Commands', '/srv/{echo,aGk=}|{base64,-d}|bash'],
  ['TanStack Supply-Chain Attack File Creation Indicators - Linux', '/srv/app/router_init.js'],
  [
    'TeamPCP LiteLLM Supply Chain Attack Persistence Indicators',
    '/root/.config/sysmon/sysmon.py',
    `python3 -c 'import os; open(os.environ["F"], "w")'`,
  ],
  ['Triple Cross eBPF Rootkit Default LockFile', '/tmp/rootlog'],
  ['Triple Cross eBPF Rootkit Default Persistence', '/srv/ebpfbackdoor'],
  ['UNC4841 - Barracuda ESG Exploitation Indicators', '/srv/aacore.sh'],
  ['UNC4841 - Email Exfiltration File Pattern', '/srv/mail/tmp/abc123.tar.gz'],
  ['Wget Creating Files in Tmp Directory', '/tmp/fetched', 'wget --quiet --output-document "$F" $URL'],
];

/** What a rule's filter is for, or a condition beside the file's name. */
const QUIET: readonly Row[] = [
  ['Axios NPM Compromise File Creation Indicators - Linux', '/tmp/ld.py'],
  ['New Cron File Created', '/etc/cron.daily/dpkg'],
  [
    'Non-Standard Nsswitch.Conf Creation - Potential CVE-2025-32463 Exploitation',
    '/etc/nsswitch.conf',
    'cp "$F" "$F.x"; cat "$F.x" > "$F"',
  ],
  [
    'Persistence Via Sudoers.d Files',
    '/etc/sudoers.d/README.dpkg-new',
    'mkdir -p /srv/usr/bin; cp /bin/cp /srv/usr/bin/dpkg; /srv/usr/bin/dpkg /etc/hostname "$F"',
  ],
  ['Potentially Suspicious Long Filename Pattern - Linux', `/var/log/journal/${LONG}`],
  ['TeamPCP LiteLLM Supply Chain Attack Persistence Indicators', '/root/.config/sysmon/sysmon.py'],
  ['Wget Creating Files in Tmp Directory', '/tmp/fetched', 'curl --silent --output "$F" $URL'],
];

const foldersOf = (rows: readonly Row[]): string =>
  [...new Set(rows.map(([, file]) => file.slice(0, file.lastIndexOf('/'))))]
    .map(path => `mkdir -p '${path}'`)
    .join('\n');

/** What SigmaHQ has for changes of files on Linux. */
function sigmaTitles(): string[] {
  const titles: string[] = [];
  for (const name of new Bun.Glob('**/*.yml').scanSync({ cwd: SIGMA })) {
    const rule = readFileSync(join(SIGMA, name), 'utf8');
    if (/category: *file_/.test(rule) && /product: *linux/.test(rule)) titles.push(/^title: *(.+)$/m.exec(rule)![1]!);
  }
  return titles.sort();
}

const alertsOf = (lines: readonly Line[], [title, file]: Row): Line[] =>
  lines.filter(line => text(line, 'rule.name') === title && text(line, 'file.path') === file);

test('each of SigmaHQ’s rules over files fires at what it looks for, and not at what its filters let through', async () => {
  expect(FIRES.map(([title]) => title)).toEqual(sigmaTitles());
  const { run, does, quiet, alerts } = await world(`${foldersOf([...FIRES, ...QUIET])}; rm -f /etc/doas.conf`, {
    rules: SIGMA,
    args: ['--min-level', 'low'],
    config: `fsnotify: {paths: [/etc/**, /root/.config/**, /srv/**, /tmp/**, /usr/local/**, /var/log/**], exclude: []}`,
  });
  const URL = server.url.href;
  for (const [, F, action = WRITES] of QUIET) await does(action, { F, URL });
  await quiet();
  expect(QUIET.flatMap(row => alertsOf(alerts(), row)).map(line => text(line, 'rule.name'))).toEqual([]);
  await does('rm -f /tmp/ld.py /tmp/fetched /root/.config/sysmon/sysmon.py');
  for (const [, F, action = WRITES] of FIRES) await does(action, { F, URL });
  await quiet();
  const seen = alerts();
  expect(FIRES.map(row => [row[0], alertsOf(seen, row).length])).toEqual(FIRES.map(row => [row[0], 1]));
  expect(await run.stop()).toBe(0);
}, 120_000);

/** A package as one is built at home: a program, a unit, a configuration file. */
const BUILDS = `
for version in 1 2; do
  root=/tmp/build/$version; mkdir -p $root/DEBIAN $root/etc $root/usr/bin $root/lib/systemd/system
  printf '#!/bin/sh\\necho %s\\n' $version > $root/usr/bin/puppy-test-tool; chmod 755 $root/usr/bin/puppy-test-tool
  printf 'version = %s\\n' $version > $root/etc/puppy-test.conf
  printf '[Service]\\nExecStart=/usr/bin/puppy-test-tool %s\\n' $version > $root/lib/systemd/system/puppy-test.service
  echo /etc/puppy-test.conf > $root/DEBIAN/conffiles
  printf 'Package: puppy-test\\nVersion: %s\\nArchitecture: all\\nMaintainer: nobody <n@example.org>\\nDescription: test\\n' \\
    $version > $root/DEBIAN/control
  (cd $root && find etc lib usr -type f -exec md5sum {} + > DEBIAN/md5sums)
  dpkg-deb --build --root-owner-group $root /var/cache/puppy-test-$version.deb
done
rm -r /tmp/build`;

const EVERYDAY: readonly string[] = [
  'dpkg -i /var/cache/puppy-test-1.deb',
  'puppy-test-tool',
  'dpkg -i /var/cache/puppy-test-2.deb',
  'useradd --create-home --shell /bin/sh ann',
  'usermod --comment Ann ann',
  'su ann -c "cd; echo one > .vimrc; sed -i s/one/two/ .vimrc; echo three > .vimrc.new; mv .vimrc.new .vimrc"',
  'userdel --remove ann',
  'logrotate --force --state /tmp/logrotate.state /var/cache/logrotate.conf',
];

test('everyday work is quiet; a package’s program that is replaced by hand is not', async () => {
  const { run, does, quiet, alerts } = await world(
    `${BUILDS}
    i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done > /var/log/puppy-test.log
    echo '/var/log/puppy-test.log { rotate 1\ncompress\ncreate 640 root adm\n}' > /var/cache/logrotate.conf`,
    { rules: join(import.meta.dir, '../../rules.d'), args: ['--events'] },
  );
  for (const script of EVERYDAY) await does(script);
  await quiet();
  // Without the jobs that tell that everything before was told.
  const loud = (): unknown[] =>
    alerts()
      .filter(line => text(line, 'rule.name') !== 'Cron table or job script written')
      .map(line => [
        text(line, 'rule.name'),
        at(line, 'file'),
        at(line, 'process'),
        at(line, 'puppy'),
        at(line, 'user'),
      ]);
  expect(loud()).toEqual([]);
  const stateOf = (path: string): unknown[] =>
    run.lines().flatMap(line => (text(line, 'file.path') === path ? [text(line, 'puppy.file.package.state')] : []));
  expect(stateOf('/usr/bin/puppy-test-tool')).toEqual(['installing', 'installing']);
  for (const path of ['/home/ann/.vimrc', '/var/log/puppy-test.log.1.gz', '/etc/shadow'])
    expect(stateOf(path).length, path).toBeGreaterThan(0);

  await does('printf "#!/bin/sh\\necho mine\\n" > /usr/bin/puppy-test-tool');
  await quiet();
  const replaced = alerts().filter(line => text(line, 'rule.name') === 'Program or library of a package replaced');
  expect(replaced.map(line => [text(line, 'file.path'), text(line, 'puppy.file.package.name')])).toEqual([
    ['/usr/bin/puppy-test-tool', 'puppy-test'],
  ]);
  const before = loud().length;
  await does('dpkg --purge puppy-test');
  await quiet();
  expect(loud().slice(before)).toEqual([]);
  expect(await run.stop()).toBe(0);
}, 120_000);

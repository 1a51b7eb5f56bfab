// The project's rules over files and containers, each fired by what it looks for, done for real in a copy of the host.

import { afterAll, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { folder, guardKernel, text } from './agent.ts';
import { world } from './world.ts';

guardKernel();

const PACK = join(import.meta.dir, '../../rules.d');

/** The rule's title; the file it tells of; what is done ($F is the file) where it isn't just written. */
type Row = readonly [title: string, file: string, action?: string];

const WRITES = 'echo "# nothing" > "$F"';
/** Puts a program there. */
const PROGRAM = 'cp /bin/true "$F"';
const AS_WEB = 'setpriv --reuid www-data --clear-groups';

/** What there is before the agent comes. */
const SETUP = `
home=/home/bea; mkdir -p $home/.ssh $home/.mozilla/firefox/p /root/.ssh /root/.aws /var/www/html /var/log /dev/shm/old
for path in $home/.mozilla/firefox/p/logins.json $home/.ssh/authorized_keys $home/.bash_history $home/.zsh_history \
    /root/.ssh/id_test /root/.aws/credentials /var/log/auth.log /var/log/messages /var/log/kern.log /var/log/wtmp \
    /usr/local/bin/old /usr/local/bin/plain; do
  echo x > $path
done
mkdir -p /tmp/.old; echo x > /tmp/.old/x; chmod 600 /root/.ssh/id_test
chown -R daemon $home/.ssh; chown www-data /var/www/html`;

const FILES: readonly Row[] = [
  ['Accounts changed without the account tools', '/etc/passwd', 'echo >> $F'],
  ["This agent's rules or configuration changed", '/etc/puppy-hids/rules.yml'],
  ['Rules or settings of the audit daemon changed', '/etc/audit/rules.d/x.rules'],
  ['Keys that may log in changed by somebody else than their owner', '/home/bea/.ssh/authorized_keys', 'echo >> $F'],
  ['Keys that may log in as root changed', '/root/.ssh/authorized_keys'],
  ['Program added to what a desktop starts by itself', '/etc/xdg/autostart/x.desktop'],
  ['What the host boots with changed', '/etc/default/grub.d/x.cfg'],
  ['Script that runs at boot written', '/etc/rc.local'],
  ['Passwords or cookies of a browser read by another program', '/home/bea/.mozilla/firefox/p/logins.json', 'cat $F'],
  ['Certificate authority added by hand', '/usr/local/share/ca-certificates/x.crt'],
  ['Cron table or job script written', '/etc/cron.d/x'],
  ['System service of D-Bus added or its policy changed', '/etc/dbus-1/system.d/x.conf'],
  ['File in shared memory or a hidden temporary directory made executable', '/tmp/.old/x', 'chmod 755 $F'],
  ['Hidden program in a directory of the system', '/usr/bin/.hidden', PROGRAM],
  ['Addresses or servers of host names changed', '/etc/hosts', 'echo >> $F'],
  ['Job left with crontab or at', '/var/spool/cron/crontabs/root', 'echo "# nothing" | crontab -'],
  ['Kernel module put in place by hand', '/usr/lib/modules/6.1/x.ko'],
  ['Kernel or boot loader replaced by hand', '/boot/vmlinuz-x'],
  ['Kernel settings for the next boot changed', '/etc/sysctl.d/x.conf'],
  ['Directories that programs load libraries from changed', '/etc/ld.so.conf.d/x.conf'],
  ['Shared library put beside those of the system by hand', '/usr/lib/libx.so.1', PROGRAM],
  ['Log deleted', '/var/log/auth.log', 'rm $F'],
  ['Log emptied', '/var/log/messages', ': > $F'],
  ['Log moved away from its place', '/var/log/gone', 'mv /var/log/kern.log $F'],
  ['Configuration of logging changed', '/etc/rsyslog.d/x.conf'],
  ['Script of the login message written', '/etc/update-motd.d/x'],
  ['Records of logins rewritten', '/var/log/wtmp', 'cp /etc/hostname $F'],
  ['Configuration of logrotate changed', '/etc/logrotate.d/x'],
  [
    'Many files encrypted',
    '/var/www/*.locked',
    'i=0; while [ $i -lt 20 ]; do echo > /var/www/$i.locked; i=$((i+1)); done',
  ],
  ['Kernel modules to load or hooks of modprobe changed', '/etc/modprobe.d/x.conf'],
  ['Where the host looks names up changed', '/etc/nsswitch.conf', 'echo >> $F'],
  ['Script that runs when a network comes or goes written', '/etc/network/if-up.d/x'],
  ['Hook or option of the package manager written', '/etc/apt/apt.conf.d/99x'],
  ['Place that packages come from, or the key they are signed with, changed', '/etc/apt/sources.list.d/x.list'],
  ['Configuration of PAM changed', '/etc/pam.d/x'],
  ['PAM module written by hand', '/usr/lib/security/pam_x.so', PROGRAM],
  ['Password hashes read by a program that does not check passwords', '/etc/shadow', 'cat $F'],
  ['Polkit rule or action written by hand', '/etc/polkit-1/rules.d/x.rules'],
  ['Capability that is as good as root given to a file', '/usr/local/bin/plain', 'setcap cap_setuid+ep $F'],
  ['Library preloaded into every program', '/etc/ld.so.preload', ': > $F'],
  ['Private key read by a program that does not use keys', '/root/.ssh/id_test', 'cat $F'],
  ['Program dropped in a temporary directory by a web server or a database', '/tmp/dropped', `${AS_WEB} ${PROGRAM}`],
  ['Program written to shared memory or a hidden temporary directory', '/dev/shm/x', PROGRAM],
  ['Program or library of a package replaced', '/usr/bin/yes', PROGRAM],
  ['Program put beside those of the system by hand', '/usr/bin/puppy-x', PROGRAM],
  ['Program written straight to a temporary directory', '/tmp/program', PROGRAM],
  ['Code that every start of Python runs written', '/usr/lib/python3/dist-packages/x.pth'],
  ['Setuid or setgid bit given to a file', '/usr/local/bin/old', 'chmod 4755 $F'],
  ['File created with a setuid or setgid bit', '/usr/local/bin/new', 'install --mode 4755 /bin/true $F'],
  ['History of a shell deleted', '/home/bea/.zsh_history', 'rm $F'],
  ['History of a shell emptied or led to nowhere', '/home/bea/.bash_history', 'ln -sf /dev/null $F'],
  ["Start file of a user's shell changed", '/root/.bashrc', 'echo >> $F'],
  ['Start file of all shells changed', '/etc/profile.d/x.sh'],
  ['Script that every SSH login runs written', '/root/.ssh/rc'],
  ['Configuration of the SSH server changed', '/etc/ssh/sshd_config.d/x.conf'],
  ['Stored credentials of a cloud or a service read with a general tool', '/root/.aws/credentials', 'cat $F'],
  ['Rights of sudo changed', '/etc/sudoers.d/x.test'],
  ['Systemd generator put in place', '/etc/systemd/system-generators/x'],
  ['Systemd unit or drop-in written by hand', '/etc/systemd/system/x.service'],
  ['Hosts trusted without a password', '/root/.rhosts'],
  ['udev rule written by hand', '/etc/udev/rules.d/x.rules'],
  ['Script put into a web root by hand', '/var/www/html/hand.php'],
  ['Script written by the web server that serves it', '/var/www/html/shell.php', `${AS_WEB} sh -c 'echo > $F'`],
  ['Settings of a directory written by the web server', '/var/www/html/.htaccess', `${AS_WEB} sh -c 'echo > $F'`],
  ["Keys or configuration of Kubernetes' node changed", '/etc/kubernetes/pki/x'],
  ['Configuration of a container engine changed', '/etc/docker/daemon.json'],
  ['Pod that the kubelet starts by itself written', '/etc/kubernetes/manifests/x'],
  [
    'Socket of a container engine used by something that is not its client',
    '/run/docker.sock',
    `python3 -c 'import os, socket as s; l = s.socket(s.AF_UNIX); l.bind(os.environ["F"]); l.listen(); s.socket(s.AF_UNIX).connect(os.environ["F"])'`,
  ],
];

/** Done from inside of a container that has the host's files, with no root of its own. */
const FROM_CONTAINER: Row = ['File of the host changed from inside of a container', '/etc/kubernetes/from-container'];

/** Rules over what is started, with the command; `on the host` where it isn't in a container. */
const STARTS: readonly (readonly [title: string, script: string, where?: 'on the host'])[] = [
  ['Container started with powers over its host', `${fake('docker')} run --privileged x`, 'on the host'],
  [
    'Socket of a container engine opened to everybody',
    'touch /tmp/docker.sock; chmod 666 /tmp/docker.sock',
    'on the host',
  ],
  [
    'Program that the kernel starts as root set from a command line',
    `sh -c 'echo x > /tmp/core_pattern'`,
    'on the host',
  ],
  [
    'Token of a Kubernetes service account printed or sent',
    'cat /none/kubernetes.io/serviceaccount/token || true',
    'on the host',
  ],
  ['Tool for escaping from containers started', fake('amicontained'), 'on the host'],
  ['Client of a container engine or of Kubernetes used in a container', `${fake('kubectl')} get pods`],
  ["Host's disk or cgroups reached for from inside of a container", 'dd if=/dev/sd-none of=/dev/null || true'],
  ["Host's files reached for through another process's root", 'ls /proc/1/root/'],
  ['Kernel module loaded from inside of a container', `${fake('insmod')} x.ko`],
  ['Namespaces made or entered from inside of a container', 'unshare --uts true'],
  ['Package installed in a running container', `${fake('apk')} add x`],
  ['Program started in a container that its image does not have', 'cp /bin/true /usr/bin/brought; /usr/bin/brought'],
  ['Program started from a temporary directory of a container, and not of its image', 'cp /bin/true /tmp/b; /tmp/b'],
  ['Shell with a terminal started in a container', 'sh -c true'],
];

function fake(name: string): string {
  return `cp /bin/true /tmp/${name}; /tmp/${name}`;
}

const titlesOf = (folderName: string): string[] =>
  [...new Bun.Glob(`${folderName}/*.yml`).scanSync({ cwd: PACK })]
    // Of a correlation the last is the one that alerts.
    .map(name => readFileSync(join(PACK, name), 'utf8').split('\n---\n').at(-1)!)
    .map(rule => /^title: *'?(.+?)'?$/m.exec(rule)![1]!.replaceAll("''", "'"));

function cgroupMount(): string {
  const mounts = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  const point = mounts.find(line => line.includes(' / ') && / - cgroup2 /.test(line))?.split(' ')[4];
  if (point === undefined) throw new Error('cgroup version 2 is mounted nowhere: mount -t cgroup2 none /sys/fs/cgroup');
  return point;
}

const id = randomBytes(32).toString('hex');
const cgroup = join(cgroupMount(), 'docker', id);
afterAll(() => {
  for (const path of [cgroup, join(cgroup, '..')]) {
    try {
      rmdirSync(path);
    } catch {
      // Gone already, or Docker's own are still in there.
    }
  }
});

const folders = [...new Set(FILES.map(([, file]) => file.slice(0, file.lastIndexOf('/'))))].join(' ');

test('each rule over files and containers fires at what it looks for', async () => {
  const covered = [...FILES, FROM_CONTAINER, ...STARTS].map(([title]) => title);
  expect(covered.sort()).toEqual([...titlesOf('file'), ...titlesOf('container')].sort());

  mkdirSync(cgroup, { recursive: true });
  const { run, does, quiet, alerts } = await world(`mkdir -p ${folders}; cp /usr/bin/unshare /run/runc; ${SETUP}`, {
    rules: PACK,
    args: ['--min-level', 'low'],
  });
  for (const [, F, action = WRITES] of FILES) await does(action, { F });
  for (const [, script, where] of STARTS) if (where !== undefined) await does(script);

  const inside = STARTS.filter(([, , where]) => where === undefined).map(([, script]) => script);
  // Where the world has it, wherever this file is.
  const program = join(folder(), 'container.sh');
  copyFileSync(join(import.meta.dir, 'programs/container.sh'), program);
  const start = `"${program}" ${cgroup} ${folder()} /run/runc "$SCRIPT"`;
  await does(`script --quiet --return --command '${start}' /dev/null`, {
    SCRIPT: `sleep 0.5; ${inside.join('\n')}\ntrue`,
    SHELL: '/bin/sh',
  });
  const [, F] = FROM_CONTAINER;
  await does(
    `echo 0 > ${cgroup}/cgroup.procs; exec /run/runc --mount sh -c 'sleep 0.5; tee "$F" < /etc/hostname; true'`,
    { F },
  );

  await quiet();
  const told = alerts().map(line => [text(line, 'rule.name'), text(line, 'file.path')]);
  const isTold = (title: string, file?: string): boolean =>
    told.some(([name, path]) => name === title && (file === undefined || new Bun.Glob(file).match(path ?? '')));
  expect({
    files: [...FILES, FROM_CONTAINER].filter(([title, file]) => !isTold(title, file)),
    starts: STARTS.filter(([title]) => !isTold(title)),
  }).toEqual({ files: [], starts: [] });
  expect(await run.stop()).toBe(0);
}, 180_000);

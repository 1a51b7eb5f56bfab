import { expect, test } from 'bun:test';
import type { Process, ProcessImage } from '../../src/core/event.ts';
import { managerOf } from '../../src/proc/package-managers.ts';

const image = (executable: string, args: string, more: Partial<ProcessImage> = {}): ProcessImage => ({
  pid: 1,
  entitySeed: '1:1',
  executable,
  args: args.split(' '),
  credentials: { uid: { id: 0 }, euid: { id: 0 } },
  origin: 'audit',
  ...more,
});
const SHELL = image('/usr/bin/dash', 'sh');
const DPKG = image('/usr/bin/dpkg', '/usr/bin/dpkg --status-fd 12 --no-triggers --unpack --auto-deconfigure x.deb');
const of = (one: ProcessImage, ...ancestors: ProcessImage[]): Process => ({ image: one, ancestors });

const unseen = ({ args: _, ...rest }: ProcessImage): ProcessImage => rest;

const DNF = image('/usr/bin/python3.9', '/usr/libexec/platform-python /usr/bin/dnf upgrade');

const MANAGERS: readonly (readonly [string, ReturnType<typeof managerOf>, Process])[] = [
  ['dpkg itself', 'dpkg', of(DPKG, SHELL)],
  ["a package's script, and what it starts", 'dpkg', of(image('/usr/bin/cp', 'cp a b'), SHELL, DPKG)],
  ['dpkg -i by hand', 'dpkg', of(image('/usr/bin/dpkg', 'dpkg -i x.deb'))],
  ['rpm by hand', 'rpm', of(image('/usr/bin/rpm', 'rpm -Uvh x.rpm'))],
  ['rpm in words', 'rpm', of(image('/usr/bin/rpm', 'rpm --quiet --erase x'))],
  ['zypper', 'rpm', of(SHELL, image('/usr/bin/zypper', 'zypper up'))],
  ['dnf, by what was invoked', 'rpm', of({ ...DNF, invoked: ['/usr/bin/dnf', '/usr/libexec/platform-python'] })],
  ['dnf found running', 'rpm', of(SHELL, DNF)],

  ['dpkg itself, and nobody saw its arguments', 'dpkg', of(unseen(DPKG))],
  ['what it starts then', undefined, of(SHELL, unseen(DPKG))],
  ['a shell under the pager of dpkg -l', undefined, of(SHELL, image('/usr/bin/dpkg', 'dpkg -l'))],
  ['a pattern that looks like work', undefined, of(image('/usr/bin/dpkg', 'dpkg -l -- -i'))],
  ['a shell that rpm was asked to run', undefined, of(SHELL, image('/usr/bin/rpm', 'rpm --eval x'))],
  ['a question to rpm', undefined, of(image('/usr/bin/rpm', 'rpm -qi bash'))],
  ['dpkg-deb alone', undefined, of(image('/usr/bin/dpkg-deb', 'dpkg-deb -x evil.deb /'))],
  ['a script that is named as dnf', undefined, of({ ...DNF, invoked: ['/usr/bin/python3', '/usr/bin/dnf'] })],
  ["another Python's", undefined, of({ ...DNF, executable: '/tmp/python3' })],
  ['a copy elsewhere', undefined, of(image('/tmp/dpkg', 'dpkg -i x.deb'))],
  ["a user's", undefined, of({ ...DPKG, credentials: { uid: { id: 0 }, euid: { id: 1000 } } })],
  ['nobody knows whose', undefined, of(image('/usr/bin/dpkg', 'dpkg -i x', { credentials: {} }))],
  ['in another root', undefined, of(SHELL, { ...DPKG, foreignRoot: true })],
  ["in a container, be it a manager's descendant", undefined, of({ ...SHELL, container: { id: 'c' } }, DPKG)],
  ['in no known program', undefined, of({ pid: 1, entitySeed: '1:1', origin: 'proc' })],
];

test.each(MANAGERS)('%s: %p', (_, expected, process) => expect(managerOf(process)).toBe(expected));

test("in a container, only of that container's files", () => {
  const container = { id: 'c' };
  const shell = { ...SHELL, container };
  const dpkg = { ...DPKG, container, foreignRoot: true };
  expect(managerOf(of(shell, dpkg), 'c')).toBe('dpkg');
  expect(managerOf(of(shell, dpkg), 'd')).toBeUndefined();
  expect(managerOf(of(shell, dpkg))).toBeUndefined();
  expect(managerOf(of(shell, DPKG), 'c')).toBeUndefined();
});

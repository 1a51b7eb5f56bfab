import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PackageIndex } from '../../../src/fsnotify/packages/package-index.ts';
import { md5, Root } from './root.ts';

const FILE = { type: 'file' } as const;
const having = (content: string) => ({ ...FILE, hashes: { md5: md5(content) } });

const paragraph = (name: string, version: string, more = ''): string =>
  `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n${more}Description: x\n more\n\n`;

function coreutils(root: Root): void {
  mkdirSync(join(root.path, 'usr/bin'), { recursive: true });
  symlinkSync('usr/bin', join(root.path, 'bin'));
  root.write(
    'var/lib/dpkg/status',
    paragraph('coreutils', '9.1-1') +
      paragraph('libc6', '2.36', 'Multi-Arch: same\n') +
      paragraph(
        'adduser',
        '3.134',
        `Conffiles:\n /etc/adduser.conf ${md5('conf')}\n /etc/new.conf newconffile\n /etc/old.conf ${md5('old')} obsolete\n`,
      ) +
      paragraph('dash', '0.5') +
      'Package: gone\nStatus: purge ok not-installed\nVersion: 1\n',
  );
  root.write('var/lib/dpkg/info/coreutils.md5sums', `${md5('ls')}  bin/ls\n${md5('two')}  usr/bin/a  b\n`);
  root.write('var/lib/dpkg/info/libc6:amd64.md5sums', `${md5('libc')}  usr/lib/libc.so.6\n${md5('sh')}  bin/sh\n`);
  root.write('var/lib/dpkg/info/dash.md5sums', `${md5('dash')}  bin/sh\n`);
}

async function open(root: Root): Promise<PackageIndex> {
  const index = new PackageIndex({
    root: root.path,
    note: message => {
      throw new Error(message);
    },
  });
  await index.refresh(0);
  return index;
}

describe('what dpkg installed', () => {
  test('is found by either name where /bin is a link, and judged by its content', async () => {
    using root = new Root();
    coreutils(root);
    const index = await open(root);
    const ls = { manager: 'dpkg', name: 'coreutils', version: '9.1-1' } as const;
    for (const path of ['/bin/ls', '/usr/bin/ls']) {
      expect(index.digestFor(path)).toBe('md5');
      expect(index.of(path, having('ls'))).toEqual({ ...ls, state: 'intact' });
      expect(index.of(path, having('evil'))).toEqual({ ...ls, state: 'changed' });
      // Gone, or something else in its place.
      expect(index.of(path, undefined)).toEqual({ ...ls, state: 'changed' });
      expect(index.of(path, { type: 'symlink' })).toEqual({ ...ls, state: 'changed' });
      // Its digest isn't known.
      expect(index.of(path, { ...FILE, hashes: { sha256: 'x' } })).toBeUndefined();
    }
    expect(index.of('/usr/bin/a  b', having('two'))?.state).toBe('intact');
    expect(index.of('/usr/lib/libc.so.6', having('libc'))).toMatchObject({ name: 'libc6', version: '2.36' });
    expect(index.digestFor('/usr/bin/mine')).toBeUndefined();
    expect(index.of('/usr/bin/mine', having('ls'))).toBeUndefined();
  });

  test('configuration files stand in the status', async () => {
    using root = new Root();
    coreutils(root);
    const index = await open(root);
    expect(index.of('/etc/adduser.conf', having('conf'))).toMatchObject({ name: 'adduser', state: 'intact' });
    expect(index.of('/etc/adduser.conf', having('mine'))?.state).toBe('changed');
    expect(index.digestFor('/etc/new.conf')).toBeUndefined();
    expect(index.of('/etc/old.conf', having('old'))?.state).toBe('intact');
  });

  test('diversions: each file is where its package is sent', async () => {
    using root = new Root();
    coreutils(root);
    root.write('var/lib/dpkg/diversions', '/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/ls\n/usr/bin/ls.real\n:\ncut');
    const index = await open(root);
    expect(index.of('/bin/sh', having('dash'))).toMatchObject({ name: 'dash', state: 'intact' });
    expect(index.of('/usr/bin/sh', having('dash'))).toMatchObject({ name: 'dash', state: 'intact' });
    expect(index.of('/usr/bin/sh', having('sh'))).toMatchObject({ name: 'dash', state: 'changed' });
    expect(index.of('/usr/bin/sh.distrib', having('sh'))).toMatchObject({ name: 'libc6', state: 'intact' });
    expect(index.digestFor('/usr/bin/ls')).toBeUndefined();
    expect(index.of('/usr/bin/ls.real', having('ls'))).toMatchObject({ name: 'coreutils', state: 'intact' });
  });

  test('an upgrade, a removal and an installation are seen, and nothing is called changed meanwhile', async () => {
    using root = new Root();
    coreutils(root);
    const index = await open(root);
    root.write('var/lib/dpkg/info/coreutils.md5sums.new', `${md5('ls2')}  bin/ls\n`);
    expect(index.of('/usr/bin/ls', having('ls2'))).toBeUndefined();
    expect(index.of('/usr/bin/ls', having('ls'))?.state).toBe('intact');
    root.write('var/lib/dpkg/info/coreutils.md5sums', `${md5('ls2')}  bin/ls\n`);
    root.write('var/lib/dpkg/info/vim.md5sums', `${md5('vim')}  usr/bin/vim\n`);
    rmSync(join(root.path, 'var/lib/dpkg/info/libc6:amd64.md5sums'));
    root.write('var/lib/dpkg/status', paragraph('coreutils', '9.2-1'));
    expect(index.refresh(500)).toBeUndefined();
    await index.refresh(1_000);
    expect(index.of('/bin/ls', having('ls2'))).toMatchObject({ version: '9.2-1', state: 'intact' });
    expect(index.of('/bin/ls', having('ls'))?.state).toBe('changed');
    expect(index.of('/usr/bin/vim', having('vim'))).toEqual({ manager: 'dpkg', name: 'vim', state: 'intact' });
    expect(index.digestFor('/usr/lib/libc.so.6')).toBeUndefined();
    expect(index.digestFor('/etc/adduser.conf')).toBeUndefined();
    expect(index.refresh(2_000)).toBeUndefined();
  });

  test('what is no list is passed over', async () => {
    using root = new Root();
    coreutils(root);
    root.write('var/lib/dpkg/info/odd.md5sums', Buffer.from('\n\0\n  x\nzz  y\n'.padEnd(200, 'a'), 'latin1'));
    root.write('var/lib/dpkg/info/bytes.md5sums', Buffer.from(`${md5('b')}  usr/b\xff\n${md5('c')}  `, 'latin1'));
    Bun.spawnSync(['mkfifo', join(root.path, 'var/lib/dpkg/info/fifo.md5sums')]);
    const notes: string[] = [];
    const index = new PackageIndex({ root: root.path, note: message => notes.push(message) });
    await index.refresh(0);
    expect(index.of('/usr/b\\xff', having('b'))?.state).toBe('intact');
    expect(index.counters()).toMatchObject({ refused: 1, packages: 5 });
    expect(notes).toHaveLength(1);
  });

  test('a host without any', async () => {
    using root = new Root();
    const index = await open(root);
    expect(index.refresh(5_000)).toBeUndefined();
    expect(index.digestFor('/bin/ls')).toBeUndefined();
  });
});

test('this host, if it has dpkg: what runs the tests is in a package and intact', async () => {
  if (!existsSync('/var/lib/dpkg/status')) return;
  const index = new PackageIndex({ note: () => {} });
  await index.refresh(0);
  const hashes = { md5: new Bun.CryptoHasher('md5').update(readFileSync('/usr/bin/env')).digest('hex') };
  for (const path of ['/usr/bin/env', '/bin/env']) {
    expect(index.of(path, { ...FILE, hashes })).toMatchObject({ manager: 'dpkg', name: 'coreutils', state: 'intact' });
  }
  expect(index.digestFor('/etc/passwd')).toBeUndefined();
});

import { describe, expect, test } from 'bun:test';
import { eventLines, observe, observeOne, PROCTITLE, path, syscall } from './replayed.ts';

const FILE = 'inode=77 dev=fe:00 mode=0100640 ouid=0 ogid=42 rdev=00:00 nametype=NORMAL';
const FOLDER = 'inode=70 dev=fe:00 mode=040700 ouid=0 ogid=0 rdev=00:00 nametype=PARENT';
/** An openat of AT_FDCWD. */
const open = (a2: string, fields: object = {}, ...paths: readonly string[]): string =>
  eventLines([
    syscall({ syscall: 257, exit: 3, a0: 'ffffff9c', a2, items: paths.length || 1, ...fields }),
    'CWD cwd="/etc"',
    ...(paths.length > 0 ? paths : [path(0, '"shadow"', FILE)]),
    PROCTITLE,
  ]);
const keys = (...all: readonly string[]): { key: string } => ({
  key: Buffer.from(all.join('\x01')).toString('hex').toUpperCase(),
});

describe('a file that is read', () => {
  test('is named where it is, with what the record tells of it', () => {
    expect(observeOne(open('80000'))).toMatchObject({
      kind: 'accessed',
      teller: 'audit',
      outcome: 'success',
      task: { pid: 2832, exe: '/usr/bin/grep' },
      file: {
        path: '/etc/shadow',
        type: 'file',
        inode: '77',
        dev: 'fe:00',
        mode: 0o640,
        owner: { id: 0 },
        group: { id: 42 },
      },
      warnings: [],
    });
  });

  test.each<[string, string, object, string]>([
    ['O_RDWR', '2', {}, 'accessed'],
    ['O_WRONLY|O_APPEND', '401', {}, 'audit_event'],
    ['O_PATH', '200000', {}, 'audit_event'],
    ['open', '0', { syscall: 2, a1: '0', a2: '0' }, 'accessed'],
    ['open O_WRONLY', '0', { syscall: 2, a1: '1', a2: '0' }, 'audit_event'],
    ['i386 open', '0', { arch: '40000003', syscall: 5, a1: '0' }, 'accessed'],
    ['openat2, of which nothing is told', '7ffc0', { syscall: 437 }, 'accessed'],
  ])('%s', (_, a2, fields, kind) => expect(observeOne(open(a2, fields)).kind).toBe(kind));

  test('openat2’s flags stand in their own record', () => {
    const log = (oflag: string): string =>
      eventLines([
        syscall({ syscall: 437, a0: 'ffffff9c', items: 1 }),
        `OPENAT2 oflag=${oflag} mode=00 resolve=0x0`,
        'CWD cwd="/"',
        path(0, '"/etc/shadow"', FILE),
        PROCTITLE,
      ]);
    expect(observeOne(log('02000000')).kind).toBe('accessed');
    expect(observeOne(log('01')).kind).toBe('audit_event');
  });

  test('one that the call makes isn’t', () => {
    const made = open('42', {}, path(0, '"/etc/"', FOLDER), path(1, '"/etc/x"', FILE.replace('NORMAL', 'CREATE')));
    expect(observeOne(made).kind).toBe('audit_event');
    const opened = open('42', {}, path(0, '"/etc/"', FOLDER), path(1, '"/etc/x"', FILE));
    expect(observeOne(opened)).toMatchObject({ kind: 'accessed', file: { path: '/etc/x' } });
  });

  test('or is refused', () => {
    expect(observeOne(open('80000', { success: 'no', exit: -13 }))).toMatchObject({
      kind: 'accessed',
      outcome: 'failure',
      errorCode: 'EACCES',
      file: { path: '/etc/shadow', inode: '77' },
    });
    const absent = open('0', { success: 'no', exit: -2 }, 'PATH item=0 name="/root/.ssh/id_rsa" nametype=UNKNOWN');
    expect(observeOne(absent)).toMatchObject({ outcome: 'failure', file: { path: '/root/.ssh/id_rsa' } });
  });

  test('what refused it comes before', () => {
    const log = `${eventLines(['AVC avc:  denied  { read } for  pid=1 comm="x"'])}\n${open('0', { success: 'no', exit: -13 })}`;
    expect(observeOne(log).kind).toBe('anomaly');
  });
});

describe('by another name', () => {
  const watched = keys('puppy-read', 'puppy-path:/etc/shadow');
  test.each([
    ['a link', '"/tmp/link"', 'ffffff9c'],
    ['another root', '"/proc/self/root/etc/shadow"', 'ffffff9c'],
    ['a descriptor', '"shadow"', '5'],
  ])('%s is told as the rule names the file', (_, name, a0) => {
    const log = open('0', { ...watched, a0 }, path(0, name, FILE));
    expect(observeOne(log)).toMatchObject({
      kind: 'accessed',
      file: { path: '/etc/shadow', inode: '77' },
      warnings: ['other_name'],
    });
  });

  test('its own name is none', () =>
    expect(observeOne(open('0', watched))).toMatchObject({ file: { path: '/etc/shadow' }, warnings: [] }));

  test('one of several that rules use stays', () => {
    const both = keys('puppy-read', 'puppy-path:/etc/os-release', 'puppy-path:/usr/lib/os-release');
    const log = open('0', both, path(0, '"/usr/lib/os-release"', FILE));
    expect(observeOne(log)).toMatchObject({ file: { path: '/usr/lib/os-release' }, warnings: [] });
  });

  test('a watched folder isn’t what is opened in it', () => {
    const log = open(
      '42',
      keys('puppy-read', 'puppy-path:/root/.ssh'),
      path(0, '"/root/.ssh/"', FOLDER),
      path(1, '"/root/.ssh/id"', FILE),
    );
    expect(observeOne(log)).toMatchObject({ file: { path: '/root/.ssh/id' } });
  });

  test('without such a key nothing is guessed', () =>
    expect(observeOne(open('0', { a0: '5' }))).toMatchObject({
      kind: 'audit_event',
      warnings: ['path_relative_to_fd'],
    }));
});

test('a socket that is connected to, an abstract one has no file', () => {
  const connect = (...more: readonly string[]): string =>
    eventLines([
      syscall({ syscall: 42, items: more.length }),
      `SOCKADDR saddr=${Buffer.from('\x01\0/run/docker.sock\0').toString('hex')}`,
      ...more,
      PROCTITLE,
    ]);
  const socket = path(0, '"/run/docker.sock"', FILE.replace('0100640', '0140660'));
  expect(observeOne(connect('CWD cwd="/"', socket))).toMatchObject({
    kind: 'accessed',
    file: { path: '/run/docker.sock', type: 'socket', mode: 0o660 },
  });
  expect(observe(connect())[0]!.kind).toBe('audit_event');
});

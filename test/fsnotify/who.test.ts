import { beforeEach, describe, expect, test } from 'bun:test';
import { AuditObserver } from '../../src/audit/observe.ts';
import { type Wanted, Who } from '../../src/fsnotify/who.ts';
import { eventLines, PROCTITLE, path, replay, syscall } from '../audit/replayed.ts';

const T = 1_700_000_000_123;
let who: Who;
let serial = 0;
beforeEach(() => {
  who = new Who();
});

/** A system call at a time, with its PATH records as `nametype name inode`. */
function call(pid: number, fields: object, paths: readonly string[], afterMs = 0): void {
  const ms = T + afterMs;
  const stamp = `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}:${++serial}`;
  const records = paths.map((text, i) => {
    const [nametype, name = '', inode] = text.split(' ');
    const quoted = name === '(null)' ? name : `"${name}"`;
    return path(i, quoted, `inode=${inode} dev=fe:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=${nametype}`);
  });
  const lines = [
    syscall({ pid, key: '"puppy-who"', items: paths.length, a0: 'ffffff9c', a2: '241', ...fields }),
    'CWD cwd="/w"',
    ...records,
    PROCTITLE,
  ];
  replay(eventLines(lines, stamp), event => who.add(event));
}
const OPENAT = { syscall: 257 };
const create = (pid: number, name: string, inode: number, afterMs = 0): void =>
  call(pid, OPENAT, ['PARENT /w/ 1', `CREATE ${name} ${inode}`], afterMs);
const find = (wanted: Partial<Wanted>): number | undefined =>
  who.find({ kind: 'modified', path: '/w/f', timeMs: T, ...wanted })?.pid;

describe('a change and the call that made it', () => {
  test.each<[string, object, readonly string[], Partial<Wanted>]>([
    ['created', OPENAT, ['PARENT /w/ 1', 'CREATE f 5'], { kind: 'created', inode: '5', dev: 'fe:00' }],
    ['made and written', OPENAT, ['PARENT /w/ 1', 'CREATE f 5'], { inode: '5' }],
    ['below a descriptor', { ...OPENAT, a0: '7' }, ['PARENT /w 1', 'CREATE f 5'], { kind: 'created', inode: '5' }],
    ['written', OPENAT, ['NORMAL /elsewhere/link 5'], { inode: '5', dev: 'fe:00' }],
    ['cut', { syscall: 76 }, ['NORMAL /w/f 5'], {}],
    [
      'renamed',
      { syscall: 82 },
      ['PARENT /w/ 1', 'PARENT /w/ 1', 'DELETE /w/e 5', 'CREATE /w/f 5'],
      { kind: 'renamed', inode: '5' },
    ],
    ['linked', { syscall: 86 }, ['PARENT /w/ 1', 'NORMAL /w/e 5', 'CREATE /w/f 5'], { kind: 'linked', inode: '5' }],
    ['attributes by a descriptor', { syscall: 91 }, ['NORMAL (null) 5'], { kind: 'attributes_modified', inode: '5' }],
    ['touched', OPENAT, ['PARENT /w/ 1', 'NORMAL f 5'], { kind: 'attributes_modified', inode: '5' }],
    ['deleted', { syscall: 87 }, ['PARENT /w/ 1', 'DELETE /w/f 5'], { kind: 'deleted' }],
    [
      'deleted below a descriptor',
      { syscall: 263, a0: '7' },
      ['PARENT /w 1', 'DELETE f 5'],
      { kind: 'deleted', inode: '5' },
    ],
    [
      'moved away',
      { syscall: 82 },
      ['PARENT /w/ 1', 'PARENT /x/ 2', 'DELETE /w/f 5', 'CREATE /x/f 5'],
      { kind: 'deleted' },
    ],
    ['a directory', { syscall: 83 }, ['PARENT /w/ 1', 'CREATE /w/f/ 5'], { kind: 'created' }],
  ])('%s', (_, fields, paths, wanted) => {
    call(10, fields, paths);
    expect(find(wanted)).toBe(10);
    expect(who.counters).toEqual({ found: 1, unknown: 0, ambiguous: 0 });
  });

  test('names the process as the records do', () => {
    create(10, 'f', 5);
    expect(who.find({ kind: 'created', path: '/w/f', timeMs: T })).toMatchObject({
      pid: 10,
      ppid: 2831,
      uid: 1000,
      exe: '/usr/bin/grep',
    });
  });
});

describe('better nobody than the wrong one', () => {
  test('the nearest is the one, unless the change went on', () => {
    for (const [pid, afterMs] of [
      [9, -150],
      [10, 0],
      [11, 150],
    ] as const)
      call(pid, OPENAT, ['NORMAL /w/f 5'], afterMs);
    expect(find({ inode: '5' })).toBe(10);
    expect(find({ inode: '5', timeMs: T + 160 })).toBe(11);
    expect(find({ inode: '5', untilMs: T + 140 })).toBeUndefined();
  });

  test('two that may both have done it', () => {
    call(10, OPENAT, ['NORMAL /w/f 5']);
    call(11, OPENAT, ['NORMAL /w/f 5'], 40);
    expect(find({ inode: '5' })).toBeUndefined();
    expect(who.counters.ambiguous).toBe(1);
  });
  test('one twice is one', () => {
    call(10, OPENAT, ['NORMAL /w/f 5']);
    call(10, OPENAT, ['NORMAL /w/f 5'], 100);
    expect(find({ inode: '5' })).toBe(10);
  });
  test('who set attributes, of one who may have touched', () => {
    call(10, OPENAT, ['NORMAL /w/f 5']);
    call(11, { syscall: 90 }, ['NORMAL /w/f 5']);
    expect(find({ kind: 'attributes_modified', inode: '5' })).toBe(11);
  });
  test.each([
    ['long before', -2_001],
    ['after', 501],
  ])('a call %s', (_, afterMs) => {
    create(10, 'f', 5, afterMs);
    expect(find({ inode: '5' })).toBeUndefined();
    expect(who.counters.unknown).toBe(1);
  });
  test('a call that failed, an open to read', () => {
    call(10, { ...OPENAT, success: 'no', exit: -13 }, ['NORMAL /w/f 5']);
    call(11, { ...OPENAT, a2: '80000' }, ['NORMAL /w/f 5']);
    expect(find({ inode: '5' })).toBeUndefined();
  });
  test('another file of the same path: in another root', () => {
    create(10, 'f', 5);
    expect(find({ inode: '6' })).toBeUndefined();
    expect(find({ containerId: 'c' })).toBeUndefined();
  });
  test('another file of the same number: on another file system, or before it was used again', () => {
    call(10, OPENAT, ['NORMAL /w/old 5']);
    expect(find({ inode: '5', dev: '00:2a' })).toBeUndefined();
    create(11, 'f', 5, 10);
    expect(find({ inode: '5', timeMs: T + 20 })).toBe(11);
  });
  test('who made a file, of one who moved it away', () => {
    create(10, 'f', 5);
    call(11, { syscall: 82 }, ['PARENT /w/ 1', 'PARENT /w/ 1', 'DELETE /w/f 5', 'CREATE /w/g 5'], 5);
    expect(find({ kind: 'created' })).toBe(10);
    expect(find({ kind: 'renamed', path: '/w/g', inode: '5' })).toBe(11);
  });
  test('another name of the same file', () => {
    create(10, 'f', 5);
    call(11, { syscall: 86 }, ['PARENT /w/ 1', 'NORMAL /w/f 5', 'CREATE /w/g 5'], 5);
    expect(find({ kind: 'created', inode: '5' })).toBe(10);
    expect(find({ kind: 'linked', path: '/w/g', inode: '5' })).toBe(11);
  });
});

test('memory is bounded, and the latest are known', () => {
  const task = { pid: 10 };
  for (let i = 0; i < 100_000; i++)
    who.addWrites({ timeMs: T + i, task, writes: [{ kind: 'created', path: `/w/${i}`, inode: String(i) }] });
  const created = (i: number): number | undefined => find({ kind: 'created', path: `/w/${i}`, timeMs: T + i });
  expect(created(99_999)).toBe(10);
  expect(created(99_999 - 9_000)).toBe(10);
  expect(created(0)).toBeUndefined();
});

test('two that write one file all the time take no time', () => {
  for (let i = 0; i < 30_000; i++)
    who.addWrites({ timeMs: T, task: { pid: i % 2 }, writes: [{ kind: 'opened', path: '/w/f', inode: '5' }] });
  const started = performance.now();
  for (let i = 0; i < 10_000; i++) expect(find({ inode: '5' })).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(1_000);
});

test('events that were asked for this alone are none of their own', () => {
  const kinds = (key: string, nr = 257): (string | undefined)[] => {
    const observer = new AuditObserver();
    const seen: (string | undefined)[] = [];
    const lines = [
      syscall({ syscall: nr, a0: 'ffffff9c', a2: '2', key, items: 1 }),
      'CWD cwd="/"',
      path(0, '"/w/f"'),
      PROCTITLE,
    ];
    replay(eventLines(lines), event => seen.push(observer.observe(event, T)?.kind));
    return seen;
  };
  expect(kinds('"puppy-who"')).toEqual([undefined]);
  expect(kinds('"puppy-file"')).toEqual(['accessed']);
  expect(kinds(Buffer.from('puppy-call\x01puppy-who').toString('hex'))).toEqual(['accessed']);
  expect(kinds('"puppy-who"', 161)).toEqual(['root_changed']);
});

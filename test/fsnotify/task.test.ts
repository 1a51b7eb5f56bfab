import { describe, expect, test } from 'bun:test';
import { Tasks } from '../../src/fsnotify/task.ts';

/** A task's message, as native/fsnotify.h lays it out. */
function message(
  number: number,
  parts: { ids?: readonly number[]; tty?: number; comm?: string; exe?: string },
): Buffer {
  const comm = Buffer.from(parts.comm ?? '', 'latin1');
  const exe = Buffer.from(parts.exe ?? '', 'latin1');
  const bytes = Buffer.alloc(80 + comm.length + exe.length);
  bytes.writeDoubleLE(123_456, 8);
  for (const [i, value] of [number, 42, 7, parts.tty ?? 0].entries()) bytes.writeInt32LE(value, 16 + 4 * i);
  for (let i = 0; i < 10; i++) bytes.writeUInt32LE(parts.ids?.[i] ?? 0xffff_ffff, 32 + 4 * i);
  bytes.writeInt32LE(comm.length, 72);
  bytes.writeInt32LE(exe.length, 76);
  comm.copy(bytes, 80);
  exe.copy(bytes, 80 + comm.length);
  return bytes;
}

describe('who did it, as the reader tells', () => {
  test('with all that is known, in safe text', () => {
    const tasks = new Tasks();
    tasks.add(
      message(1, { ids: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], tty: 34816, comm: 'a\n\xff', exe: '/x\xff (deleted)' }),
      0,
    );
    expect(tasks.get(1)).toEqual({
      startTicks: 123_456,
      task: {
        ...{ pid: 42, ppid: 7, uid: 1, euid: 2, suid: 3, fsuid: 4, gid: 5, egid: 6, sgid: 7, fsgid: 8 },
        ...{ auid: 9, session: 10, tty: 'pts0', comm: 'a\n\\xff', exe: '/x\\xff (deleted)' },
      },
    });
  });

  test('what is unset is absent', () => {
    const tasks = new Tasks();
    tasks.add(message(1, {}), 0);
    expect(tasks.get(1)?.task).toEqual({ pid: 42, ppid: 7 });
  });

  test('by number: the last thousand or so, and none by 0', () => {
    const tasks = new Tasks();
    for (let number = 1; number <= 2_000; number++) tasks.add(message(number, { comm: `${number}` }), 0);
    expect(tasks.get(2_000)?.task.comm).toBe('2000');
    expect(tasks.get(977)?.task.comm).toBe('977');
    expect([tasks.get(976), tasks.get(2_001), tasks.get(0)]).toEqual([undefined, undefined, undefined]);
  });
});

// Who did something, as the native reader read it from /proc at that moment; native/fsnotify.h has the layout. Pure.

import type { TaskFacts } from '../core/observation.ts';
import { programPath } from '../core/paths.ts';
import { safeText } from '../core/text.ts';
import { ttyName } from '../core/tty.ts';

/** A process as it was when its event was read. */
export interface Who {
  readonly task: TaskFacts;
  /** Since boot, in USER_HZ: with the pid it names a process for as long as the host is up. */
  readonly startTicks: number;
}

const HEADER_BYTES = 80;
/** An event names none older than the last so many. */
const TASKS = 1_024;
const UNSET_ID = 0xffff_ffff;

function taskOf(bytes: Buffer, at: number): TaskFacts {
  const commAt = at + HEADER_BYTES;
  const exeAt = commAt + bytes.readInt32LE(at + 72);
  const end = exeAt + bytes.readInt32LE(at + 76);
  const comm = safeText(bytes, commAt, exeAt);
  const exe = programPath(end > exeAt ? safeText(bytes, exeAt, end) : undefined);
  const ppid = bytes.readInt32LE(at + 24);
  const tty = ttyName(bytes.readInt32LE(at + 28));
  const id = (offset: number): number | undefined => {
    const value = bytes.readUInt32LE(at + offset);
    return value === UNSET_ID ? undefined : value;
  };
  const ids = {
    ...{ uid: id(32), euid: id(36), suid: id(40), fsuid: id(44) },
    ...{ gid: id(48), egid: id(52), sgid: id(56), fsgid: id(60) },
    ...{ auid: id(64), session: id(68) },
  };
  return {
    pid: bytes.readInt32LE(at + 20),
    ...(ppid > 0 && { ppid }),
    ...(Object.fromEntries(Object.entries(ids).filter(([, value]) => value !== undefined)) as Partial<TaskFacts>),
    ...(tty !== undefined && { tty }),
    ...(comm !== '' && { comm }),
    ...(exe !== undefined && { exe }),
  };
}

/** The tasks that were told last, by their numbers. */
export class Tasks {
  private readonly last: ({ readonly number: number; readonly who: Who } | undefined)[] = new Array(TASKS);

  add(bytes: Buffer, at: number): Who {
    const number = bytes.readUInt32LE(at + 16);
    const who = { task: taskOf(bytes, at), startTicks: bytes.readDoubleLE(at + 8) };
    this.last[number % TASKS] = { number, who };
    return who;
  }

  get(number: number): Who | undefined {
    const found = number === 0 ? undefined : this.last[number % TASKS];
    return found?.number === number ? found.who : undefined;
  }
}

// Who changed a file, where the file watcher can't say (inotify): the audit records of the same change. They tell of a call when it was
// made: a file that is written through a mapping, or a descriptor that was opened long before, is nobody's. Better nobody than the wrong
// one: of two processes that may both have done it neither is named.

import type { AuditEvent } from '../audit/event.ts';
import { type FileWrite, type FileWrites, type WriteKind, writesOf } from '../audit/normalize/writes.ts';
import type { FileKind } from '../core/event.ts';
import type { TaskFacts } from '../core/observation.ts';
import type { FileChange } from './change.ts';

/** Audit's clock ticks every 4 to 10 ms, and the watcher reads soon after. */
const NEAR_MS = 50;
/** A file may be written through a descriptor that is older, and a busy watcher reads late. */
const BEFORE_MS = 2_000;
const AFTER_MS = 500;
/** After this many writes, or this long, the writes before the last such number or time are forgotten. */
const WRITES_MAX = 16_384;
const KEPT_MS = 10_000;

/** What of a change must be known to find who made it. */
export type Wanted = Pick<FileChange, 'kind' | 'path' | 'inode' | 'dev' | 'timeMs' | 'untilMs' | 'containerId'>;

interface Write extends FileWrite {
  readonly timeMs: number;
  readonly task: TaskFacts;
}

/** Which calls make a change: those of the first group, and where there are none, of the second. */
const CALLS: Readonly<Record<FileKind, readonly (readonly WriteKind[])[]>> = {
  created: [['created', 'renamed', 'linked']],
  modified: [['opened', 'created']],
  renamed: [['renamed']],
  linked: [['linked', 'created']],
  // touch opens a file, and sets its times by a call of which nothing is told; links are counted in the inode.
  attributes_modified: [['attributes'], ['opened', 'created', 'linked', 'deleted', 'renamed', 'moved']],
  deleted: [['deleted', 'moved']],
  accessed: [],
};
/** What happens to a name, not to what it leads to. */
const OF_NAMES: ReadonlySet<FileKind> = new Set(['created', 'renamed', 'linked', 'deleted']);

/** The writes of some time, in the order of their records. */
class Generation {
  readonly byPath = new Map<string, Write[]>();
  readonly byInode = new Map<string, Write[]>();
  readonly sinceMs: number;
  size = 0;

  constructor(sinceMs: number) {
    this.sinceMs = sinceMs;
  }

  add(write: Write): void {
    this.size++;
    if (write.path !== undefined) push(this.byPath, write.path, write);
    if (write.inode !== undefined) push(this.byInode, write.inode, write);
  }
}

function push(map: Map<string, Write[]>, key: string, write: Write): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [write]);
  else list.push(write);
}

export class Who {
  /** Changes of which somebody was named, of which nobody was known, and of which several might have been. */
  readonly counters = { found: 0, unknown: 0, ambiguous: 0 };
  private current = new Generation(0);
  private before = new Generation(0);
  /** The last task that wrote: a burst of one process shares one. */
  private last: TaskFacts | undefined;

  /** An audit event of any kind. */
  add(event: AuditEvent): void {
    const writes = writesOf(event);
    if (writes !== undefined) this.addWrites(writes);
  }

  addWrites({ timeMs, task, writes }: FileWrites): void {
    const { current } = this;
    if (current.size >= WRITES_MAX || timeMs - current.sinceMs > KEPT_MS) {
      this.before = timeMs - current.sinceMs > 2 * KEPT_MS ? new Generation(timeMs) : current;
      this.current = new Generation(timeMs);
    }
    if (this.last === undefined || !isSame(this.last, task)) this.last = task;
    for (const write of writes) this.current.add({ ...write, timeMs, task: this.last });
  }

  /** The task that made a change, once the audit records of its time are there: some 300 ms after it. */
  find(wanted: Wanted): TaskFacts | undefined {
    const { timeMs, untilMs = timeMs } = wanted;
    const found =
      this.within(wanted, timeMs - NEAR_MS, untilMs + NEAR_MS) ??
      this.within(wanted, timeMs - BEFORE_MS, untilMs + AFTER_MS);
    if (found === undefined) this.counters.unknown++;
    else if (found === 'several') this.counters.ambiguous++;
    else this.counters.found++;
    return found === 'several' ? undefined : found;
  }

  private within(wanted: Wanted, fromMs: number, toMs: number): TaskFacts | 'several' | undefined {
    for (const kinds of CALLS[wanted.kind]) {
      const found = this.only(wanted, kinds, fromMs, toMs);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private only(
    wanted: Wanted,
    kinds: readonly WriteKind[],
    fromMs: number,
    toMs: number,
  ): TaskFacts | 'several' | undefined {
    let found: TaskFacts | undefined;
    for (const write of this.writesTo(wanted, fromMs, toMs)) {
      if (!kinds.includes(write.kind) || !isOf(write, wanted)) continue;
      if (found !== undefined && found.pid !== write.task.pid) return 'several';
      found ??= write.task;
    }
    return found;
  }

  /** Those of some time with the path or the inode of a change, the latest first. */
  private *writesTo({ path, inode }: Wanted, sinceMs: number, toMs: number): Generator<Write> {
    const generations = [this.current, this.before];
    for (const write of latestFirst(
      generations.map(({ byPath }) => byPath.get(path)),
      sinceMs,
    ))
      if (write.timeMs <= toMs) yield write;
    if (inode === undefined) return;
    for (const write of latestFirst(
      generations.map(({ byInode }) => byInode.get(inode)),
      sinceMs,
    )) {
      if (write.timeMs > toMs) continue;
      yield write;
      // What was written before is another file's, which had the number.
      if (write.kind === 'created') return;
    }
  }
}

function* latestFirst(lists: readonly (readonly Write[] | undefined)[], sinceMs: number): Generator<Write> {
  for (const list of lists) {
    for (let i = (list?.length ?? 0) - 1; i >= 0; i--) {
      const write = list![i]!;
      if (write.timeMs < sinceMs) return;
      yield write;
    }
  }
}

/** Whether the write is to the file that changed: the same inode and, where a name changed, the same name; or the same path, if no inode says otherwise. A path is the writer's own: of a container's file it alone proves nothing. */
function isOf(write: FileWrite, wanted: Wanted): boolean {
  const isInode = write.inode !== undefined && write.inode === wanted.inode;
  if (write.path === wanted.path) {
    const isUnknown = write.inode === undefined || wanted.inode === undefined;
    return isInode || (isUnknown && wanted.containerId === undefined);
  }
  if (!isInode || (write.dev !== undefined && wanted.dev !== undefined && write.dev !== wanted.dev)) return false;
  return !OF_NAMES.has(wanted.kind) || write.name === wanted.path.slice(wanted.path.lastIndexOf('/') + 1);
}

function isSame(a: TaskFacts, b: TaskFacts): boolean {
  const keys = Object.keys(a) as (keyof TaskFacts)[];
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key]);
}

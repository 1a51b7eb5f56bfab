// Which connect made which connection, where they went to the same address and port. Pure.
//
// A connect's record has the time at which the call began, to the kernel's tick, and no local port; a packet has both its time and the
// port. What is certain: a SYN leaves after its call began. So where as many calls began before some moment as packets left, none of
// them is still on its way: they belong together. Within such a group the order is only told where the calls can't have overlapped.
// Anything else is left open: a port that is made up would be worse than none.

/** A connect that was called. */
export interface Call {
  readonly pid: number;
  /** When it began, at the earliest. */
  readonly timeMs: number;
  /** The audit serial: calls end in this order. */
  readonly sequence: number;
  /** The serial of what its process did just before: the call began after that. 0 where nothing is known. */
  readonly after: number;
}

/** A connection that was opened. */
export interface Opening {
  readonly openedMs: number;
}

export interface Settled<C extends Call, O extends Opening> {
  readonly calls: readonly C[];
  readonly openings: readonly O[];
  /** For each call, the place of its opening; -1 where it has none. Absent where it's open which is whose. */
  readonly joined?: readonly number[];
}

/** So long after a call its packet may leave: an address that has to be resolved takes its time. */
const LATE_MS = 250;
const GIVE_UP_MS = 1_000;
/** Between calls and packets of two groups, where counting doesn't tell them apart. */
const PAUSE_MS = 20;

/**
 * The next group that is settled, at its head; undefined where more has to be known first. `calls` by time, `openings` by time;
 * everything before `knownMs` is in them. Openings before the first call are nobody's so far, and not looked at.
 */
export function settle<C extends Call, O extends Opening>(
  calls: readonly C[],
  openings: readonly O[],
  knownMs: number,
): Settled<C, O> | undefined {
  const first = calls[0];
  if (first === undefined) return undefined;
  let from = 0;
  while (from < openings.length && openings[from]!.openedMs < first.timeMs) from++;
  let to = from;
  let pausedAt: number | undefined;
  let pausedTo = from;
  let lastMs = first.timeMs;
  let endedWith = 0;
  const runs = new Set<number>();
  for (let n = 1; n <= calls.length; n++) {
    const call = calls[n - 1]!;
    runs.add(call.pid);
    lastMs = Math.max(lastMs, call.timeMs);
    endedWith = Math.max(endedWith, call.sequence);
    const next = calls[n];
    // Of one moment all are looked at together.
    if (next !== undefined && next.timeMs === call.timeMs) continue;
    const endMs = next?.timeMs ?? Number.POSITIVE_INFINITY;
    while (to < openings.length && openings[to]!.openedMs < endMs) lastMs = Math.max(lastMs, openings[to++]!.openedMs);
    const boundMs = Math.min(endMs, knownMs);
    if (boundMs <= lastMs) return undefined;
    const count = to - from;
    const isPause = boundMs - lastMs >= PAUSE_MS;
    const isOver = isPause || (next !== undefined && next.after > endedWith);
    if ((count === n && (next !== undefined || isPause)) || (count === runs.size && isOver)) {
      return group(calls.slice(0, n), openings.slice(from, to));
    }
    if (pausedAt === undefined && isPause) {
      pausedAt = n;
      pausedTo = to;
    }
  }
  const waitedMs = knownMs - first.timeMs;
  if (waitedMs < LATE_MS) return undefined;
  if (pausedAt !== undefined) return group(calls.slice(0, pausedAt), openings.slice(from, pausedTo));
  if (waitedMs < GIVE_UP_MS) return undefined;
  return group(calls, openings.slice(from));
}

function group<C extends Call, O extends Opening>(calls: readonly C[], openings: readonly O[]): Settled<C, O> {
  const inOrder = calls.toSorted((a, b) => a.sequence - b.sequence);
  const runs = runsOf(inOrder);
  const none = openings.length === 0 ? calls.map(() => -1) : undefined;
  const places = none ?? (runs && placesOf(runs, openings.length));
  return { calls: inOrder, openings, ...(places !== undefined && { joined: places }) };
}

/** How many calls each process made in a row, where each process began after the one before it had ended its call. */
function runsOf(calls: readonly Call[]): number[] | undefined {
  const runs: number[] = [];
  for (let i = 0; i < calls.length; i++) {
    const call = calls[i]!;
    const before = calls[i - 1];
    if (before !== undefined && before.pid === call.pid) {
      runs[runs.length - 1]!++;
      continue;
    }
    if (before !== undefined && !(call.after > before.sequence)) return undefined;
    runs.push(1);
  }
  return runs;
}

/**
 * A process that asks for a name connects datagram sockets to every address first, which sends nothing: its last calls are those that
 * packets followed.
 */
function placesOf(runs: readonly number[], openings: number): number[] | undefined {
  const calls = runs.reduce((sum, length) => sum + length, 0);
  const last = (length: number, count: number, at: number): number[] =>
    Array.from({ length }, (_, i) => (i < length - count ? -1 : at + i - (length - count)));
  if (openings === calls) return Array.from({ length: calls }, (_, i) => i);
  if (openings === runs.length) return runs.flatMap((length, run) => last(length, 1, run));
  return runs.length === 1 && openings < calls ? last(calls, openings, 0) : undefined;
}

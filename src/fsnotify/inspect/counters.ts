// What the inspector counts, and which warning counts as what. Pure.

export interface InspectCounters {
  asked: number;
  /** Answered by another's look at the same path. */
  merged: number;
  /** Files that were looked at. */
  looked: number;
  /** Bytes that were read, and a fixed share for each file. */
  bytes: number;
  hashed: number;
  tooLarge: number;
  changing: number;
  /** Another file than the one that was asked for. */
  replaced: number;
  unreadable: number;
  timeouts: number;
  /** Refused: the queue was full. */
  refused: number;
  /** Refused, or lost, since the worker failed. */
  failed: number;
  workersStarted: number;
  workersCrashed: number;
  /** That hang in a file system at this moment. */
  workersStuck: number;
  /** Answers that are waited for. */
  waiting: number;
}

type Tallied = 'tooLarge' | 'changing' | 'replaced' | 'timeouts' | 'refused' | 'failed';

const TALLIES: Readonly<Record<string, Tallied>> = {
  not_hashed_size: 'tooLarge',
  changing: 'changing',
  replaced: 'replaced',
  hash_timeout: 'timeouts',
  not_hashed_queue: 'refused',
  hash_failed: 'failed',
};

export const noCounters = (): InspectCounters => ({
  ...{ asked: 0, merged: 0, looked: 0, bytes: 0, hashed: 0, tooLarge: 0, changing: 0, replaced: 0, unreadable: 0 },
  ...{ timeouts: 0, refused: 0, failed: 0, workersStarted: 0, workersCrashed: 0, workersStuck: 0, waiting: 0 },
});

export function tally(counters: InspectCounters, warnings: readonly string[]): void {
  for (const warning of warnings) {
    const counter = TALLIES[warning];
    if (counter !== undefined) counters[counter]++;
    else if (warning.startsWith('unreadable_') || warning === 'symlinked_path') counters.unreadable++;
  }
}

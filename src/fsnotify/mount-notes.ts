// What is said of mounts over watched directories: the first few one by one, then how many more there were, so that a host that mounts
// all the time isn't heard all the time. Pure.

const FIRST = 4;
const SOON_MS = 10_000;
const PAUSE_MS = 3_600_000;

export class MountNotes {
  private told = 0;
  private more = 0;
  /** When the others are told at the earliest. */
  private dueMs = Number.POSITIVE_INFINITY;
  private notBeforeMs = 0;

  /** What is to be said at once. */
  add(point: string, isMounted: boolean): string | undefined {
    if (this.told === FIRST) {
      this.more++;
      return undefined;
    }
    this.told++;
    return `${point}, which is watched, was ${isMounted ? 'mounted over' : 'unmounted'}`;
  }

  /** What is to be said by now. */
  tick(nowMs: number): string | undefined {
    if (this.more === 0) return undefined;
    this.dueMs = Math.min(this.dueMs, Math.max(nowMs + SOON_MS, this.notBeforeMs));
    if (nowMs < this.dueMs) return undefined;
    const message = `watched directories were mounted over or unmounted ${this.more} more times`;
    this.more = 0;
    this.dueMs = Number.POSITIVE_INFINITY;
    this.notBeforeMs = nowMs + PAUSE_MS;
    return message;
  }
}

// Keeps the agent small. The runtime collects garbage when it pleases it, which with much memory on the host is late: events leave
// little behind, but a storm of them would look like a leak. So the collection is asked for when the agent has grown.

/** Below this nothing is done. */
const SMALL_BYTES = 96 * 1024 * 1024;
/** A collection takes some 30 ms; no more than one in this time, where the work isn't the agent's only one. */
const COLLECT_EVERY_MS = 8_000;
/** What a collection left may grow by this before the next. */
const GROWTH = 1.15;

export class Memory {
  private readonly everyMs: number;
  private readonly rss: () => number;
  private readonly collect: () => void;
  private collectedMs = Number.NEGATIVE_INFINITY;
  private allowedBytes = SMALL_BYTES;

  constructor(
    everyMs: number = COLLECT_EVERY_MS,
    rss: () => number = () => process.memoryUsage.rss(),
    collect: () => void = () => Bun.gc(true),
  ) {
    this.everyMs = everyMs;
    this.rss = rss;
    this.collect = collect;
  }

  /** Once a second or so, with a clock that is never set. The bytes that the process holds. */
  tick(nowMs: number): number {
    const bytes = this.rss();
    if (bytes <= this.allowedBytes || nowMs - this.collectedMs < this.everyMs) return bytes;
    return this.compact(nowMs);
  }

  /** After much was thrown away at once: rules that were parsed. */
  compact(nowMs: number): number {
    this.collect();
    this.collectedMs = nowMs;
    const bytes = this.rss();
    this.allowedBytes = Math.max(SMALL_BYTES, bytes * GROWTH);
    return bytes;
  }
}

// How many hits a window has and what they add up to. Exact for as many different times as are kept; beyond that, times are told
// apart less finely, so that a flood costs no memory. Pure.

import { ExactSum } from './exact-sum.ts';
import { TimeQueue } from './time-queue.ts';

interface Bucket {
  /** The newest of its hits. */
  timeMs: number;
  count: number;
  sum: number;
}

export const BUCKETS_MAX = 4_096;

export class Timeline {
  readonly #buckets = new TimeQueue<Bucket>();
  readonly #sum: ExactSum | undefined;
  /** Hits of one grain share a bucket. */
  #grainMs = 1;
  count = 0;

  constructor(sums: boolean) {
    if (sums) this.#sum = new ExactSum();
  }

  get buckets(): number {
    return this.#buckets.length;
  }

  get sum(): number {
    return this.#sum?.value ?? 0;
  }

  get firstMs(): number | undefined {
    return this.#buckets.first()?.timeMs;
  }

  /** True if times had to become coarser. */
  add(timeMs: number, x: number): boolean {
    this.count++;
    this.#sum?.add(x);
    const index = this.#buckets.upTo(timeMs);
    const grain = Math.floor(timeMs / this.#grainMs);
    const same = (bucket: Bucket | undefined) =>
      bucket !== undefined && Math.floor(bucket.timeMs / this.#grainMs) === grain ? bucket : undefined;
    const bucket = same(this.#buckets.at(index - 1)) ?? same(this.#buckets.at(index));
    if (bucket === undefined) this.#buckets.insert(index, { timeMs, count: 1, sum: x });
    else this.#merge(bucket, { timeMs, count: 1, sum: x });
    if (this.#buckets.length <= BUCKETS_MAX) return false;
    while (this.#buckets.length > BUCKETS_MAX / 2) this.#coarsen();
    return true;
  }

  /** Hits before `cutoffMs` leave. */
  expire(cutoffMs: number): void {
    while (this.#buckets.startsBefore(cutoffMs)) {
      const { count, sum } = this.#buckets.shift()!;
      this.count -= count;
      this.#sum?.add(-sum);
    }
    if (this.count === 0) this.#grainMs = 1;
  }

  #merge(into: Bucket, from: Bucket): void {
    const sum = into.sum + from.sum;
    // The total stays what the buckets hold, roundings included.
    if (this.#sum !== undefined) for (const x of [-into.sum, -from.sum, sum]) this.#sum.add(x);
    into.sum = sum;
    into.count += from.count;
    into.timeMs = Math.max(into.timeMs, from.timeMs);
  }

  #coarsen(): void {
    this.#grainMs *= 2;
    let last: Bucket | undefined;
    this.#buckets.filter(bucket => {
      if (last === undefined || Math.floor(last.timeMs / this.#grainMs) !== Math.floor(bucket.timeMs / this.#grainMs)) {
        last = bucket;
        return true;
      }
      this.#merge(last, bucket);
      return false;
    });
  }
}

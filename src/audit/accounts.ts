// What all readers of one run saw and lost, told as differences: readers come and go, and between two of them serials may be missing.
// Pure: counters come in, losses go out.

import type { ReaderStats } from '../../native/index.ts';
import type { Loss } from '../core/source.ts';
import { addCounters, type LossCounters, lossesBetween, NO_LOSS } from './loss.ts';

/** For the heartbeat. */
export interface AuditCounters extends LossCounters {
  readonly events: number;
  readonly records: number;
  readonly bytes: number;
  readonly overruns: number;
  readonly late: number;
}

const TOTALS = ['events', 'records', 'bytes', 'overruns', 'late'] as const;
type Totals = Record<(typeof TOTALS)[number], number>;

export class ReaderAccounts {
  /** Counts incomplete events, which only who reads them can. */
  private readonly incomplete: () => number;
  private closedLosses: LossCounters = NO_LOSS;
  private closedTotals: Totals = { events: 0, records: 0, bytes: 0, overruns: 0, late: 0 };
  private told: LossCounters = NO_LOSS;
  private kernelLostBefore = 0;
  private kernelLost = 0;
  /** The highest serial of the closed reader, where the next one's first serial tells a gap. */
  private gapFrom: number | undefined;

  constructor(incomplete: () => number) {
    this.incomplete = incomplete;
  }

  /** The kernel's `lost` before anything of ours. */
  begin(lost: number): void {
    this.kernelLostBefore = lost;
  }

  /** The kernel's `lost` now. It can be reset by the host. */
  lostNow(lost: number): void {
    if (lost < this.kernelLostBefore) this.kernelLostBefore = 0;
    this.kernelLost = lost - this.kernelLostBefore;
  }

  /** A reader was closed, with these last counters. */
  close(stats: ReaderStats): void {
    this.closedLosses = addCounters(this.closedLosses, this.lossesOf(stats));
    this.closedTotals = this.withTotals(stats);
    if (stats.highestSerial !== 0) this.gapFrom = stats.highestSerial;
  }

  /** The next reader was open before the last one was closed: nothing is missing between them. */
  overlap(): void {
    this.gapFrom = undefined;
  }

  /** `stats` are those of the reader that is open, if one is. */
  counters(stats: ReaderStats | undefined): AuditCounters {
    return { ...this.losses(stats), ...this.withTotals(stats) };
  }

  /** What was lost since the last call. */
  tell(stats: ReaderStats | undefined): Loss[] {
    const now = this.losses(stats);
    const losses = lossesBetween(this.told, now);
    this.told = now;
    return losses;
  }

  private losses(stats: ReaderStats | undefined): LossCounters {
    const all = stats === undefined ? this.closedLosses : addCounters(this.closedLosses, this.lossesOf(stats));
    return { ...all, incomplete: this.incomplete(), kernelLost: this.kernelLost };
  }

  private lossesOf(stats: ReaderStats): Partial<LossCounters> {
    const { ringDropped, recordsDropped, malformed, firstSerial } = stats;
    return { ringDropped, recordsDropped, malformed, missing: stats.missing + this.gapBefore(firstSerial) };
  }

  /** Serials between the closed reader's last and this one's first: nobody saw them. */
  private gapBefore(firstSerial: number): number {
    if (this.gapFrom === undefined || firstSerial === 0) return 0;
    return Math.max(0, ((firstSerial - this.gapFrom) | 0) - 1);
  }

  private withTotals(stats: ReaderStats | undefined): Totals {
    const totals = { ...this.closedTotals };
    if (stats !== undefined) for (const name of TOTALS) totals[name] += stats[name];
    return totals;
  }
}

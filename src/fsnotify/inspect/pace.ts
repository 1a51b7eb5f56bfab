// How fast the background may read: a bucket of bytes that fills with time. What costs more than is in it is paid back before the next.
// Pure: time is given.

/** Of a second's bytes; so much may come at once after a quiet time. */
const BURST = 1 / 4;

export class Pace {
  private readonly bytesPerMs: number;
  private readonly burst: number;
  private bytes: number;
  private atMs = -Infinity;

  constructor(bytesPerSecond: number) {
    this.bytesPerMs = bytesPerSecond / 1000;
    this.burst = bytesPerSecond * BURST;
    this.bytes = this.burst;
  }

  /** What may be read now; nothing or less: wait. */
  available(nowMs: number): number {
    const gained = Math.max(0, nowMs - this.atMs) * this.bytesPerMs;
    this.bytes = Math.min(this.burst, this.bytes + gained);
    this.atMs = Math.max(this.atMs, nowMs);
    return this.bytes;
  }

  spend(bytes: number): void {
    this.bytes -= bytes;
  }

  /** Until a tenth of the burst is there again. */
  get waitMs(): number {
    return Math.max(1, Math.ceil((this.burst / 10 - this.bytes) / this.bytesPerMs));
  }
}

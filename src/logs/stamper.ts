// What names a line within its host: the same line gives the same stamp, live and replayed; equal lines of one time are counted. Pure.

const KNOWN_MAX = 4_096;

export class Stamper {
  private timeMs = Number.NaN;
  private readonly seen = new Map<string, number>();

  stamp(line: string, timeMs: number): string {
    if (timeMs !== this.timeMs || this.seen.size >= KNOWN_MAX) {
      this.timeMs = timeMs;
      this.seen.clear();
    }
    const hash = new Bun.CryptoHasher('sha256').update(line).digest('hex').slice(0, 32);
    const before = this.seen.get(hash) ?? 0;
    this.seen.set(hash, before + 1);
    return before === 0 ? hash : `${hash}/${before}`;
  }
}

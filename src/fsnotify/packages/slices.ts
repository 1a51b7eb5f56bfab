// Long work on the main thread, in slices beside the stream of events (edge: the clock).

const SLICE_MS = 5;

/** To be awaited now and then: lets others work where the slice is used up. */
export class Slices {
  private endMs = performance.now() + SLICE_MS;

  async pause(): Promise<void> {
    if (performance.now() < this.endMs) return;
    await new Promise(resolve => setImmediate(resolve));
    this.endMs = performance.now() + SLICE_MS;
  }
}

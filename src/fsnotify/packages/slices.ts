// Long work on the main thread, in slices beside the stream of events (edge: the clock).

const SLICE_MS = 5;
/** How many small steps go between two looks at the clock. */
const STEPS = 64;

export class Slices {
  private endMs = performance.now() + SLICE_MS;
  private steps = 0;

  /** To be asked at each small step: whether it's time to pause. */
  get isOver(): boolean {
    return ++this.steps % STEPS === 0 && performance.now() >= this.endMs;
  }

  /** Lets others work, where the slice is used up. */
  async pause(): Promise<void> {
    if (performance.now() < this.endMs) return;
    await new Promise(resolve => setImmediate(resolve));
    this.endMs = performance.now() + SLICE_MS;
  }
}

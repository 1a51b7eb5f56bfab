// Long work on the main thread, in slices beside the stream of events (edge: the clock).

/** How many small steps go between two looks at the clock, unless told. */
const STEPS = 64;

export class Slices {
  private readonly sliceMs: number;
  private readonly every: number;
  private endMs: number;
  private steps = 0;

  constructor(sliceMs: number, every: number = STEPS) {
    this.sliceMs = sliceMs;
    this.every = every;
    this.endMs = performance.now() + sliceMs;
  }

  /** To be asked at each small step: whether it's time to pause. */
  get isOver(): boolean {
    return ++this.steps % this.every === 0 && performance.now() >= this.endMs;
  }

  /** Lets others work, where the slice is used up. */
  async pause(): Promise<void> {
    if (performance.now() < this.endMs) return;
    await new Promise(resolve => setImmediate(resolve));
    this.endMs = performance.now() + this.sliceMs;
  }
}

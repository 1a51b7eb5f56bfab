// Long work in steps, for callers that have something else to do between two of them. Pure.

export type Steps<T> = Generator<undefined, T>;

/** All steps at once. */
export function allAtOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

// Recorded answers, given again in their order: the n-th time that a question is asked gets the n-th answer to it.

export class Answers<V> {
  readonly #queues = new Map<string, { readonly values: V[]; next: number }>();

  add(question: string, value: V): void {
    const queue = this.#queues.get(question);
    if (queue === undefined) this.#queues.set(question, { values: [value], next: 0 });
    else queue.values.push(value);
  }

  /** What has no (further) answer `otherwise` answers. */
  take(question: string, otherwise: () => V): V {
    const queue = this.#queues.get(question);
    if (queue === undefined || queue.next >= queue.values.length) return otherwise();
    return queue.values[queue.next++] as V;
  }
}

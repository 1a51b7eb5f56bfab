// What `new_terms` rules remember: a port, so that a live run keeps it in a file, a replay in memory.

/**
 * `learning`: the rule still learns, the combination is remembered. `new`: not seen before (or forgotten), remembered now.
 * `known`: seen before.
 */
export type TermVerdict = 'learning' | 'new' | 'known';

export interface TermRule {
  /** The rule's id and a digest of what its terms mean: other fields begin anew. */
  readonly key: string;
  readonly learnMs: number;
  readonly forgetMs?: number;
}

export interface TermStore {
  /** Asks about a combination and remembers it. Learning begins when a rule is first asked about. */
  see(rule: TermRule, terms: readonly string[], timeMs: number): TermVerdict;
  /** Writes what is due and forgets what is old. */
  tick(nowMs: number): void;
  close(): void;
  /** Plain numbers: combinations held, evicted, failures. */
  counters(): Readonly<Record<string, number>>;
}

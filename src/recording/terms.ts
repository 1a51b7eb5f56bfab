// What `new_terms` rules knew, in a recording: beside the host's answers, so that its replay gives the same verdicts. Pure.

import { Answers } from '../core/answers.ts';
import { shortHash } from '../core/short-hash.ts';
import type { TermRule, TermStore, TermVerdict } from '../core/terms.ts';

/** The name of a question among those to the host. */
const QUESTION = 'term';

const askedOf = ({ key }: TermRule, terms: readonly string[]): string => shortHash([key, terms]);

/** Answers as `store` does, and gives every answer to `sink` as one line of JSON (without the newline). */
export function recordTerms(store: TermStore, sink: (line: string) => void): TermStore {
  return {
    see(rule, terms, timeMs) {
      const verdict = store.see(rule, terms, timeMs);
      sink(JSON.stringify({ f: QUESTION, a: askedOf(rule, terms), v: verdict }));
      return verdict;
    },
    tick: nowMs => store.tick(nowMs),
    close: () => store.close(),
    counters: () => store.counters(),
  };
}

/** Answers from a recording; what the live run wasn't asked (the rules are others) `otherwise` answers. */
export function replayTerms(lines: Iterable<string>, otherwise: TermStore): TermStore {
  const answers = new Answers<TermVerdict>();
  for (const line of lines) {
    const answer = parse(line);
    if (answer !== undefined) answers.add(answer.asked, answer.verdict);
  }
  return {
    see: (rule, terms, timeMs) => answers.take(askedOf(rule, terms), () => otherwise.see(rule, terms, timeMs)),
    tick: nowMs => otherwise.tick(nowMs),
    close: () => otherwise.close(),
    counters: () => otherwise.counters(),
  };
}

function parse(line: string): { readonly asked: string; readonly verdict: TermVerdict } | undefined {
  // Most lines are of other questions, and long.
  if (!line.startsWith(`{"f":"${QUESTION}"`)) return undefined;
  try {
    const { a, v } = JSON.parse(line) as { a?: unknown; v?: unknown };
    const isVerdict = v === 'learning' || v === 'new' || v === 'known';
    return typeof a === 'string' && isVerdict ? { asked: a, verdict: v } : undefined;
  } catch {
    return undefined; // a crash may have cut it
  }
}

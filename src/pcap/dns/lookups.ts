// Questions and their answers, each once: a question is sent again, and on its way through a bridge seen again. Pure and bounded.

import { AgedMap } from '../../core/aged-map.ts';
import { shortHash } from '../../core/short-hash.ts';
import type { DnsMessage } from './message.ts';

const CAPACITY = 8_192;
/** As long as resolvers wait and ask again with the same id. */
const OPEN_MS = 30_000;

export interface Lookup {
  /** Absent where the question wasn't seen: such an answer may be made up by anyone. */
  readonly askedMs?: number;
}

interface Entry {
  askedMs: number | undefined;
  isAnswered: boolean;
  lastMs: number;
}

export class Lookups {
  /** Questions of which it's no longer known that they were asked, for want of room. */
  evicted = 0;
  readonly #entries = new AgedMap<Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** Whether it's a new question. `scope` names the flow that it's in. */
  asks(scope: string, message: DnsMessage, timeMs: number): boolean {
    const key = keyOf(scope, message);
    const entry = this.#find(key, timeMs);
    if (entry?.askedMs !== undefined) return false;
    if (entry === undefined) this.#add(key, { askedMs: timeMs, isAnswered: false, lastMs: timeMs });
    else entry.askedMs = timeMs;
    return true;
  }

  /** The lookup that it's the first answer to; undefined for a repeated one. */
  answers(scope: string, message: DnsMessage, timeMs: number): Lookup | undefined {
    const key = keyOf(scope, message);
    const entry = this.#find(key, timeMs);
    if (entry?.isAnswered) return undefined;
    if (entry === undefined) {
      this.#add(key, { askedMs: undefined, isAnswered: true, lastMs: timeMs });
      return {};
    }
    entry.isAnswered = true;
    return entry.askedMs === undefined ? {} : { askedMs: entry.askedMs };
  }

  #find(key: string, timeMs: number): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && Math.abs(timeMs - entry.lastMs) <= OPEN_MS ? entry : undefined;
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    if (this.#entries.size <= CAPACITY) return;
    const oldest = this.#entries.oldest()!;
    const gone = this.#entries.get(oldest)!;
    if (!gone.isAnswered && Math.abs(entry.lastMs - gone.lastMs) <= OPEN_MS) this.evicted++;
    this.#entries.delete(oldest);
  }
}

/**
 * An answer repeats the question: whoever forges one has to know it, the id and the port. Multicast ones have no id and need none: they
 * are told apart by what they say.
 */
function keyOf(scope: string, message: DnsMessage): string {
  const asked = message.questions.map(question => `${question.name.toLowerCase()} ${question.type} ${question.class}`);
  const said =
    message.questions.length > 0 ? [] : message.answers.map(a => `${a.name.toLowerCase()} ${a.type} ${a.data}`);
  return `${scope}${message.id} ${asked.length > 0 ? asked.join() : shortHash(said)}`;
}

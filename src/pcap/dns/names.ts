// Which name led to an address: what the answers of DNS said, as long as they hold. Pure and bounded; apart for each host and
// container, since each has resolvers and attackers of its own.

import { AgedMap } from '../../core/aged-map.ts';
import type { DnsAnswer, DnsQuestion } from './message.ts';

/** About 250 bytes each. */
const CAPACITY = 32_768;
const SCOPES_MAX = 1_024;
const NAMES_PER_ADDRESS = 4;
const CHAIN_MAX = 16;
/** Programs go on using an address when its TTL is over; none is believed for longer than a day. */
const TTL_MIN_MS = 60_000;
const TTL_MAX_MS = 86_400_000;

/** What of an answer is looked at. */
export interface Learnt {
  readonly questions: readonly Pick<DnsQuestion, 'name'>[];
  readonly answers: readonly Omit<DnsAnswer, 'data'>[];
  readonly responseCode?: string;
}

/** The newest first. */
type Names = { readonly name: string; readonly untilMs: number }[];

export class NameMemory {
  /** Addresses forgotten for want of room. */
  evicted = 0;
  readonly #capacity: number;
  readonly #scopes = new AgedMap<AgedMap<Names>>();
  #count = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#count;
  }

  /**
   * Learns the addresses of an answer under the name that was asked for, also where CNAMEs lead from it to them. Records that aren't on
   * the way from the question say nothing. `scope`: whose answer it is; give it only answers to questions that were seen, and none of multicast, which anybody answers.
   */
  learn(scope: string, message: Learnt, timeMs: number): void {
    const question = message.questions[0];
    if (message.questions.length !== 1 || question === undefined || message.responseCode !== 'NOERROR') return;
    const asked = question.name.toLowerCase();
    const chain = chainOf(asked, message);
    for (const answer of message.answers) {
      const ttl = chain.get(answer.name.toLowerCase());
      if (ttl === undefined || answer.class !== 'IN' || answer.addresses === undefined) continue;
      const ttlMs = Math.min(TTL_MAX_MS, Math.max(TTL_MIN_MS, Math.min(ttl, answer.ttl) * 1000));
      for (const address of answer.addresses) this.#add(scope, address, asked, timeMs, timeMs + ttlMs);
    }
  }

  /** The names that led to the address and still hold, the one learnt last first. */
  names(scope: string, address: string, timeMs: number): readonly string[] {
    const names = this.#scopes.get(scope)?.get(address) ?? [];
    return names.filter(known => known.untilMs >= timeMs).map(known => known.name);
  }

  /** A container that is gone. */
  forget(scope: string): void {
    this.#count -= this.#scopes.get(scope)?.size ?? 0;
    this.#scopes.delete(scope);
  }

  #add(scope: string, address: string, name: string, timeMs: number, untilMs: number): void {
    const addresses = this.#scopes.get(scope) ?? new AgedMap<Names>();
    this.#scopes.set(scope, addresses);
    if (this.#scopes.size > SCOPES_MAX) {
      const oldest = this.#scopes.oldest()!;
      this.evicted += this.#scopes.get(oldest)!.size;
      this.forget(oldest);
    }
    const before = addresses.get(address);
    const others = before?.filter(known => known.name !== name && known.untilMs >= timeMs) ?? [];
    addresses.set(address, [{ name, untilMs }, ...others.slice(0, NAMES_PER_ADDRESS - 1)]);
    if (before === undefined) this.#count++;
    if (this.#count > this.#capacity) this.#evict();
  }

  /** Whoever has most gives way: one that floods itself forgets nobody else's. */
  #evict(): void {
    let largest: AgedMap<Names> | undefined;
    for (const addresses of this.#scopes.values())
      if (largest === undefined || addresses.size > largest.size) largest = addresses;
    if (largest === undefined || largest.size === 0) return;
    largest.delete(largest.oldest()!);
    this.#count--;
    this.evicted++;
  }
}

/** The names that the question leads to through CNAMEs, itself first, each with the shortest TTL on the way. */
function chainOf(asked: string, message: Learnt): ReadonlyMap<string, number> {
  const aliases = new Map<string, { target: string; ttl: number }>();
  for (const { name, type, target, ttl } of message.answers)
    if (type === 'CNAME' && target !== undefined)
      aliases.set(name.toLowerCase(), { target: target.toLowerCase(), ttl });
  const chain = new Map([[asked, Number.POSITIVE_INFINITY]]);
  let alias = aliases.get(asked);
  let ttl = Number.POSITIVE_INFINITY;
  for (let i = 0; i < CHAIN_MAX && alias !== undefined && !chain.has(alias.target); i++) {
    ttl = Math.min(ttl, alias.ttl);
    chain.set(alias.target, ttl);
    alias = aliases.get(alias.target);
  }
  return chain;
}

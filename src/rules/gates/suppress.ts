// `suppress`: of a rule's alerts with the same values, one in a timespan; the next one says how many were held back. Pure.

import { AgedMap } from '../../core/aged-map.ts';
import { shortHash } from '../../core/short-hash.ts';
import type { Correlation, Rule } from '../ast.ts';
import type { Subject } from '../subject.ts';

/** About 150 bytes each. */
const GROUPS_MAX = 65_536;

interface Group {
  readonly startMs: number;
  held: number;
}

export class Suppress {
  /** The group whose window began first is first. */
  readonly #groups = new AgedMap<Group>();
  readonly #groupsMax: number;
  #held = 0;
  #evicted = 0;
  #untold = 0;

  constructor(groupsMax = GROUPS_MAX) {
    this.#groupsMax = groupsMax;
  }

  /** What the alert says of those before it, empty where none was held back; undefined where this one is. */
  pass(rule: Rule | Correlation, subject: Subject, timeMs: number): { readonly suppressed?: number } | undefined {
    const suppress = rule.puppy?.suppress;
    if (suppress === undefined) return {};
    const values = suppress.groupBy.map(subject);
    if (values.some(list => list.length === 0)) return {};
    // The digest: a rule that a reload changed begins anew, another goes on.
    const key = shortHash([rule.info.id, rule.digest, values]);
    const group = this.#groups.get(key);
    // A window reaches both ways: events come out of order, and a clock may be set back.
    if (group !== undefined && Math.abs(timeMs - group.startMs) < suppress.timespanMs) {
      group.held++;
      this.#held++;
      this.#untold++;
      return undefined;
    }
    this.#groups.set(key, { startMs: timeMs, held: 0 });
    if (this.#groups.size > this.#groupsMax) this.#evictFirst();
    if (group === undefined || group.held === 0) return {};
    this.#untold -= group.held;
    return { suppressed: group.held };
  }

  /** `untold`: held back, and no alert has told of it, as yet or for ever. */
  counters(): Readonly<Record<string, number>> {
    return { groups: this.#groups.size, held_back: this.#held, evicted: this.#evicted, untold: this.#untold };
  }

  #evictFirst(): void {
    this.#groups.delete(this.#groups.oldest()!);
    this.#evicted++;
  }
}

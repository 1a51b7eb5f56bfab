// Events that were held in a live run: what a recording keeps of their completion, and how a replay gives it back. Pure.

import { AgedMap } from '../core/aged-map.ts';
import type { DnsEvent, HostEvent, NetworkEvent } from '../core/event.ts';
import { keepable } from '../core/kept-records.ts';
import { isJoinable, type Joinable } from '../pcap/join/joiner.ts';
import type { Joined } from './format.ts';

/** What a completion may change. */
const CHANGED = [
  'timeMs',
  'ordinal',
  'warnings',
  'outcome',
  'source',
  'destination',
  'family',
  'transport',
  'communityId',
  'translated',
  'candidates',
] as const satisfies readonly (keyof NetworkEvent)[];

/** As many as a live run holds, and as long as it knows them. */
const KEPT_MAX = 65_536;

export function joinedOf(event: NetworkEvent | DnsEvent, owner: NetworkEvent | undefined): Joined {
  const { stamp, ordinal } = event;
  const set = 'dns' in event ? {} : changesOf(event);
  return { stamp, ordinal, set, ...(owner !== undefined && { owner: keyOf(owner) }) };
}

const changesOf = (event: NetworkEvent): Partial<NetworkEvent> =>
  Object.fromEntries(CHANGED.flatMap(name => (event[name] === undefined ? [] : [[name, event[name]]])));

/** Holds what a live run held, until its recording says what became of it. */
export class JoinedReplay {
  readonly #held = new AgedMap<Joinable>();
  readonly #pass: (event: HostEvent) => void;

  constructor(pass: (event: HostEvent) => void) {
    this.#pass = pass;
  }

  readonly hold = (event: HostEvent): boolean => {
    if (!isJoinable(event)) return false;
    this.#held.set(keyOf(event), keepable(event));
    if (this.#held.size > KEPT_MAX) this.#held.delete(this.#held.oldest()!);
    return true;
  };

  joined({ stamp, ordinal, set, owner }: Joined): void {
    // One call may be told again, when its socket is used later.
    const event = this.#held.get(`${stamp}\n${ordinal}`) ?? this.#held.get(`${stamp}\n${ordinal - 1}`);
    if (event === undefined) return;
    const process = owner === undefined ? undefined : this.#held.get(owner)?.process;
    this.#pass({ ...event, ...set, ...(process !== undefined && { process }) } as HostEvent);
  }
}

const keyOf = ({ stamp, ordinal }: HostEvent): string => `${stamp}\n${ordinal}`;

// Events that an alert may be written with later: when a correlation's window ends. Without their records, which are valid only while
// an event is processed; bounded, the oldest goes first. Pure.

import { AgedMap } from '../core/aged-map.ts';
import type { HostEvent } from '../core/event.ts';
import type { EventRef, Match } from '../core/match.ts';

export interface KeptEvent {
  readonly event: HostEvent;
  /** The contributing match; absent where the event itself was no longer kept. */
  readonly match?: Match;
}

const BYTES_MAX = 16 * 1024 * 1024;
const ENTRY_BYTES = 1_024;

const keyOf = ({ module, stamp, ordinal }: EventRef): string => `${module}\n${ordinal}\n${stamp}`;

export class KeptEvents {
  readonly #kept = new AgedMap<{ readonly event: HostEvent; readonly match: Match; readonly bytes: number }>();
  readonly #bytesMax: number;
  #bytes = 0;
  evicted = 0;

  constructor(bytesMax = BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  keep(event: HostEvent, match: Match): void {
    const key = keyOf(event);
    this.#delete(key);
    const bytes = sizeOf(event, match);
    this.#kept.set(key, { event: withoutRecords(event), match: withoutIndexes(match), bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#bytesMax) {
      this.#delete(this.#kept.oldest()!);
      this.evicted++;
    }
  }

  /** The event; where it is gone, what is known of it by its name and time. */
  get(ref: EventRef, timeMs: number): KeptEvent {
    const { module, stamp, ordinal } = ref;
    return (
      this.#kept.get(keyOf(ref)) ?? {
        event: {
          kind: 'audit_event',
          ...{ module, stamp, ordinal, timeMs, createdMs: timeMs },
          warnings: ['event_not_kept'],
        },
      }
    );
  }

  #delete(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}

function sizeOf({ process }: HostEvent, { conditions }: Match): number {
  const images = process === undefined ? [] : [process.image, ...process.ancestors];
  const units =
    images.reduce((sum, image) => sum + (image.commandLine?.length ?? 0), 0) * 2 +
    conditions.reduce((sum, { value }) => sum + value.length, 0);
  return ENTRY_BYTES + 2 * units;
}

function withoutRecords(event: HostEvent): HostEvent {
  const { records: _, ...rest } = event;
  return rest;
}

function withoutIndexes(match: Match): Match {
  const { records: _, ...rest } = match;
  return rest;
}

// What every source says of itself beside its events. Imports nothing but other core files.

import type { LossEvent } from './event.ts';

/** For the operator: said once. */
export interface Note {
  readonly code: string;
  readonly level: 'info' | 'warning';
  readonly message: string;
}

/** What was lost, by one measure; whose and when is known where it's told. */
export type Loss = Pick<LossEvent['loss'], 'reason' | 'count' | 'unit' | 'upperBound'>;

export interface SourceSinks {
  /** After the last of what is told at once. */
  batchEnd(): void;
  loss(loss: Loss, fromMs: number, toMs: number): void;
  note(note: Note): void;
  /** It stopped or started to see. */
  availability(up: boolean, message: string): void;
}

// What the sources of a live run are given: where observations go, and the agent's voice.

import type { Config } from './config/config.ts';
import type { HostEvent, LossEvent } from './core/event.ts';
import type { Who } from './fsnotify/task.ts';
import type { Log } from './log.ts';
import type { Pipeline } from './pipeline.ts';
import type { RecordingWriter } from './recording/writer.ts';

export interface LiveRun {
  /** As it is now: a reload may change it. */
  config(): Config;
  readonly log: Log;
  readonly recorder: RecordingWriter | undefined;
  pipeline: Pipeline;
  /** An event that was held. */
  pass(event: HostEvent): void;
  /** Who may hold events from now on. */
  setHold(hold: ((event: HostEvent) => boolean) | undefined): void;
  /** A process that file events will name, as it's met: it may be gone when they are told. Absent where audit tells of all. */
  met?(who: Who): void;
  /** Lets the outputs write what they hold. */
  pump(): void;
  sayLoss(loss: LossEvent['loss']): void;
  /** A source stopped or started to see. */
  sayAvailability(source: string, up: boolean, message: string): void;
}

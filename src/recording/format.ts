// What a recording's lines are.

import type { AgentEvent, HeartbeatEvent, LossEvent, NetworkEvent } from '../core/event.ts';
import type { DnsObservation, FileObservation, NetworkObservation } from '../core/observation.ts';
import type { Who } from '../fsnotify/task.ts';
import type { LogObservation } from '../logs/observe.ts';
import type { HostIdentity } from '../proc/facts.ts';

export const OBSERVATIONS_FILE = 'observations.jsonl';
export const FACTS_FILE = 'facts.jsonl';
export const RECORDING_VERSION = 1;

export interface RecordingHeader {
  readonly version: number;
  readonly agentVersion: string;
  readonly agentId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The bound of the process table. */
  readonly cacheEntries: number;
  /** The meaning of key indexes in audit events. */
  readonly keys: readonly string[];
  readonly records: boolean;
  readonly host: HostIdentity;
}

/** One that was held, with what was added to it. */
export interface Joined {
  readonly stamp: string;
  readonly ordinal: number;
  readonly set: Partial<NetworkEvent>;
  /** The call whose process asked: stamp, line feed, ordinal. */
  readonly owner?: string;
}

export type RecordingLine =
  | { readonly header: RecordingHeader }
  /** One event as the assembler gave it (native/assembler.h), in base64. */
  | { readonly audit: string; readonly created: number }
  | { readonly log: LogObservation }
  | { readonly file: FileObservation }
  | { readonly dns: DnsObservation }
  /** A connection of which no call was told. */
  | { readonly flow: NetworkObservation }
  /** Whether calls and DNS messages are held from here on, until a line tells what became of them. */
  | { readonly holding: boolean }
  | { readonly joined: Joined }
  /** A process that file events name later, met at that time. */
  | { readonly met: Who; readonly at: number }
  | { readonly agent: AgentEvent | LossEvent | HeartbeatEvent }
  /** Record types that the host's rules keep back from here on. */
  | { readonly excluded: readonly number[] }
  | { readonly seed: number }
  | { readonly tick: number };

// `--record DIR`: what the sources gave, and beside it what the host answered, so that a replay gives exactly the same lines.
// (Edge: files.) observations.jsonl holds a header and then one line for each thing that entered the pipeline, in order; facts.jsonl
// one line for each question to the host.

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent } from '../audit/event.ts';
import type { AgentEvent, DnsEvent, HeartbeatEvent, LossEvent, NetworkEvent } from '../core/event.ts';
import type { DnsObservation, FileObservation, NetworkObservation } from '../core/observation.ts';
import type { Who } from '../fsnotify/task.ts';
import type { LogObservation } from '../logs/observe.ts';
import type { RecordingHeader, RecordingLine } from './format.ts';
import { FACTS_FILE, OBSERVATIONS_FILE } from './format.ts';
import { joinedOf } from './joined.ts';

const FLUSH_BYTES = 256 * 1024;

class LineFile {
  private readonly fd: number;
  private pending: string[] = [];
  private pendingBytes = 0;

  constructor(path: string) {
    // Never over an earlier recording.
    this.fd = openSync(path, 'wx', 0o600);
  }

  add(line: string): void {
    this.pending.push(line, '\n');
    this.pendingBytes += line.length + 1;
    if (this.pendingBytes >= FLUSH_BYTES) this.flush();
  }

  flush(): void {
    if (this.pendingBytes === 0) return;
    const bytes = Buffer.from(this.pending.join(''));
    this.pending = [];
    this.pendingBytes = 0;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
  }

  close(): void {
    this.flush();
    closeSync(this.fd);
  }
}

export class RecordingWriter {
  private readonly observations: LineFile;
  private readonly facts: LineFile;
  private readonly onFailure: (error: Error) => void;
  private failed = false;

  /** Throws where the directory can't be made or holds a recording already. `onFailure` is called once; nothing is written after it. */
  constructor(directory: string, header: RecordingHeader, onFailure: (error: Error) => void) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.onFailure = onFailure;
    this.observations = new LineFile(join(directory, OBSERVATIONS_FILE));
    this.facts = new LineFile(join(directory, FACTS_FILE));
    this.put({ header });
  }

  audit(event: AuditEvent, createdMs: number): void {
    this.put({ audit: event.bytes().toString('base64'), created: createdMs });
  }

  log(observation: LogObservation): void {
    this.put({ log: observation });
  }

  file(observation: FileObservation): void {
    this.put({ file: observation });
  }

  met(who: Who, nowMs: number): void {
    this.put({ met: who, at: nowMs });
  }

  dns(observation: DnsObservation): void {
    this.put({ dns: observation });
  }

  flow(observation: NetworkObservation): void {
    this.put({ flow: observation });
  }

  holding(holding: boolean): void {
    this.put({ holding });
  }

  /** `owner`: the call whose process asked. */
  joined(event: NetworkEvent | DnsEvent, owner?: NetworkEvent): void {
    this.put({ joined: joinedOf(event, owner) });
  }

  agent(event: AgentEvent | LossEvent | HeartbeatEvent): void {
    this.put({ agent: event });
  }

  excluded(types: readonly number[]): void {
    this.put({ excluded: types });
  }

  /** The process table was seeded from /proc. */
  seed(nowMs: number): void {
    this.put({ seed: nowMs });
  }

  tick(nowMs: number): void {
    this.put({ tick: nowMs });
  }

  fact(line: string): void {
    this.attempt(() => this.facts.add(line));
  }

  flush(): void {
    this.attempt(() => {
      this.facts.flush();
      this.observations.flush();
    });
  }

  close(): void {
    this.attempt(() => {
      this.facts.close();
      this.observations.close();
    });
  }

  private put(line: RecordingLine): void {
    this.attempt(() => this.observations.add(JSON.stringify(line)));
  }

  private attempt(write: () => void): void {
    if (this.failed) return;
    try {
      write();
    } catch (error) {
      this.failed = true;
      this.onFailure(error as Error);
    }
  }
}

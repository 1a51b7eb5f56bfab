// Takes batches from a native source, live or replay, and hands out their events.

import { native, type SourceHandle } from '../../native/index.ts';
import { AuditEvent, Batch } from './event.ts';

/** An event is at most the argv bound, 512 KiB of records and their index; batches are closed at 256 KiB. */
const SLACK_BYTES = 1 << 20;

export class BatchTaker {
  private readonly source: SourceHandle;
  private batch: Batch;

  constructor(source: SourceHandle, argvMaxBytes: number) {
    this.source = source;
    this.batch = new Batch(argvMaxBytes + SLACK_BYTES);
  }

  /**
   * Calls `visit` for every event of the next batch. False when there was none. Events are valid during the call only.
   * `visit` may not take again.
   */
  take(visit: (event: AuditEvent) => void): boolean {
    let size = native().take(this.source, this.batch.bytes);
    while (size < 0) {
      this.batch = new Batch(-size * 2);
      size = native().take(this.source, this.batch.bytes);
    }
    if (size === 0) return false;
    const { batch } = this;
    for (let at = 0; at < size; at += batch.ints[at >> 2]!) visit(new AuditEvent(batch, at));
    return true;
  }
}

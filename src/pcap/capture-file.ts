// A .pcap or .pcapng file, read in slices by the same native code and into the same packets as live ones (edge: files).

import { native, type PcapFileStats, type SourceHandle } from '../../native/index.ts';
import { textBytes } from '../core/text.ts';
import { type Packet, type PcapProblem, packetOf, problemOf } from './reader.ts';

/** Asks for a batch's size. */
const NO_BYTES = new Uint8Array(0);

export class PcapFile {
  private readonly source: SourceHandle;
  private ended = false;
  private failure: PcapProblem | undefined;

  private constructor(source: SourceHandle) {
    this.source = source;
  }

  /** A regular file, not compressed. Only what the filter (empty: none) lets through is read. */
  static open(path: string, filter = ''): PcapFile | PcapProblem {
    const source = native().pcapFileOpen(textBytes(path), filter);
    return typeof source === 'number' ? new PcapFile(source) : problemOf(source);
  }

  /** Why the file ended before its end, and where; what came before was given. */
  get problem(): PcapProblem | undefined {
    return this.failure;
  }

  /** The next packets, about a quarter of a megabyte; none (`[]`) where the filter let none of this piece through; undefined at the end. */
  next(): readonly Packet[] | undefined {
    if (this.ended) return undefined;
    const more = native().pcapFileRead(this.source);
    if (typeof more !== 'boolean') this.failure = problemOf(more);
    this.ended = more !== true;
    const packets = this.take();
    return this.ended && packets.length === 0 ? undefined : packets;
  }

  stats(): PcapFileStats {
    return native().stats(this.source) as PcapFileStats;
  }

  close(): void {
    this.ended = true;
    native().close(this.source);
  }

  private take(): Packet[] {
    const packets: Packet[] = [];
    for (;;) {
      const size = -native().take(this.source, NO_BYTES);
      if (size === 0) return packets;
      // A buffer for each batch: its packets stay valid.
      const batch = Buffer.allocUnsafeSlow(size);
      native().take(this.source, batch);
      for (let at = 0; at < size; at += batch.readInt32LE(at)) packets.push(packetOf(batch, at));
    }
  }
}

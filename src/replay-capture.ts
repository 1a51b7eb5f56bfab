// A file of packets as the observations that a live run would have made of them (edge: files).

import type { DnsObservation } from './core/observation.ts';
import { PcapFile } from './pcap/capture-file.ts';
import type { Flow } from './pcap/flow.ts';
import type { FlowNews } from './pcap/flows.ts';
import { PacketStages } from './pcap/stages.ts';

/** News of a connection. */
export interface CapturedFlow {
  readonly news: FlowNews;
  readonly flow: Flow;
  readonly timeMs: number;
}

export type CaptureItem = DnsObservation | CapturedFlow;

export class CaptureReplay {
  packets = 0;
  /** Why the file ended before its end. */
  problem: string | undefined;
  private readonly path: string;
  private readonly onBytes: (bytes: number) => void;

  constructor(path: string, onBytes: (bytes: number) => void) {
    this.path = path;
    this.onBytes = onBytes;
  }

  /** In slices of the file. Throws Error that names the file, where it is none. */
  *observations(): Generator<CaptureItem, undefined> {
    const file = PcapFile.open(this.path);
    if (!(file instanceof PcapFile)) throw new Error(`${this.path}: ${file.reason}`);
    let found: CaptureItem[] = [];
    const stages = new PacketStages({
      dns: observation => void found.push(observation),
      flow: (news, flow, timeMs) => void found.push({ news, flow, timeMs }),
    });
    let bytes = 0;
    try {
      for (let packets = file.next(); packets !== undefined; packets = file.next()) {
        for (const packet of packets) stages.packet(packet);
        this.packets += packets.length;
        const read = file.stats().bytes;
        this.onBytes(read - bytes);
        bytes = read;
        yield* found;
        found = [];
      }
      if (file.problem !== undefined) this.problem = `${this.path}: ${file.problem.reason}`;
    } finally {
      file.close();
    }
  }
}

// The packet source: reads what the filter lets through, decodes it, and tells the DNS messages in it. What was dropped is told as
// loss, an interface that goes or comes as a note (edge: the kernel's packets).

import type { SourceSinks } from '../core/source.ts';
import { type FilterNeeds, kernelFilter } from './filter.ts';
import { type InterfaceChange, PcapReader } from './reader.ts';
import { PacketStages, type PacketTellers } from './stages.ts';
import type { ConnectionFilters } from './wanted.ts';

const COALESCE_MS = 20;
const RING_BYTES = 4 * 1024 * 1024;
const BUFFER_BYTES = 4 * 1024 * 1024;
const EPERM = 1;

export interface PacketSourceOptions {
  /** `any`, or names; one that isn't there is read when it comes. */
  readonly interfaces: readonly string[];
  readonly snaplen: number;
  readonly needs: FilterNeeds;
  readonly filters: ConnectionFilters;
}

export interface PacketSourceSinks extends SourceSinks, PacketTellers {}

/** Dropped by the kernel, by an interface, and by a ring of ours that wasn't emptied in time. */
const DROPS = [
  ['queue', 'dropped'],
  ['interface', 'interfaceDropped'],
  ['ring', 'ringDropped'],
] as const;

export class PacketSource {
  private readonly options: PacketSourceOptions;
  private readonly sinks: PacketSourceSinks;
  private readonly stages: PacketStages;
  private reader: PcapReader | undefined;
  private readonly told = { dropped: 0, interfaceDropped: 0, ringDropped: 0 };
  private lossFromMs = 0;
  private isDown = false;

  constructor(options: PacketSourceOptions, sinks: PacketSourceSinks) {
    this.options = options;
    this.sinks = sinks;
    this.stages = new PacketStages(sinks);
  }

  /** Never throws: what can't be read is told. False where it can't begin. */
  start(nowMs: number): boolean {
    this.lossFromMs = nowMs;
    const { interfaces, snaplen, needs, filters } = this.options;
    const reader = PcapReader.open({
      interfaces,
      snaplen,
      ...kernelFilter(needs, filters),
      skipRepeated: true,
      bufferBytes: BUFFER_BYTES,
      coalesceMs: COALESCE_MS,
      ringBytes: RING_BYTES,
    });
    if (!(reader instanceof PcapReader)) {
      const help = reader.error === EPERM ? '; run as root, or give CAP_NET_RAW' : '';
      this.setDown(`can't be read: ${reader.reason}${help}`);
      return false;
    }
    const failed = reader.start({
      packet: packet => this.stages.packet(packet),
      interfaceChanged: change => this.interfaceChanged(change),
      batchEnd: () => this.sinks.batchEnd(),
    });
    if (failed !== 0) {
      reader.close();
      this.setDown(`the reader can't be started: error ${failed}`);
      return false;
    }
    this.reader = reader;
    return true;
  }

  /** Once a second. */
  tick(nowMs: number): void {
    const { reader, told } = this;
    if (reader === undefined) return;
    const stats = reader.stats();
    for (const [reason, name] of DROPS) {
      const count = stats[name] - told[name];
      told[name] = stats[name];
      if (count > 0) this.sinks.loss({ reason, count, unit: 'packets', upperBound: false }, this.lossFromMs, nowMs);
    }
    this.lossFromMs = nowMs;
    this.stages.tick(nowMs);
    if (stats.error !== 0) this.setDown(`reading failed: error ${stats.error}; restart the agent`);
  }

  /** Milliseconds since the epoch: what passed until then was handed out, unless it was lost. */
  readUpToMs(): number {
    return this.reader?.readUpToMs() ?? Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.reader?.stop();
    this.tick(Date.now());
    this.reader?.close();
    this.reader = undefined;
  }

  counters() {
    const {
      packets = 0,
      repeated = 0,
      dropped = 0,
      interfaceDropped = 0,
      ringDropped = 0,
    } = this.reader?.stats() ?? {};
    return {
      ...{ packets, repeated, dropped, interface_dropped: interfaceDropped, ring_dropped: ringDropped },
      ...this.stages.counters(),
    };
  }

  private interfaceChanged({ name, state, reason }: InterfaceChange): void {
    if (state === 'read') this.sinks.note({ code: 'pcap_read', level: 'info', message: `packets: ${name} is read` });
    else {
      const why = reason === '' ? state : reason;
      this.sinks.note({ code: `pcap_${state}`, level: 'warning', message: `packets: ${name} isn't read: ${why}` });
    }
  }

  private setDown(message: string): void {
    if (this.isDown) return;
    this.isDown = true;
    this.sinks.availability(false, `packets: ${message}`);
  }
}

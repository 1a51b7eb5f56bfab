// From one packet to what is told of it: decoded, put into its flow, and DNS read. The same for live packets and for files. Pure.

import type { DnsObservation } from '../core/observation.ts';
import { Decoder } from './decode.ts';
import { dnsObservation } from './dns/observe.ts';
import { DnsReader } from './dns/reader.ts';
import { FlowTable } from './flows.ts';
import type { Packet } from './reader.ts';

/** Those of DNS alone. */
const FLOWS_MAX = 16_384;

export class PacketStages {
  private readonly tell: (observation: DnsObservation) => void;
  private readonly decoder = new Decoder();
  private readonly flows = new FlowTable(FLOWS_MAX);
  private readonly dns = new DnsReader();

  constructor(tell: (observation: DnsObservation) => void) {
    this.tell = tell;
  }

  packet({ linkType, bytes, timeMs, interfaceIndex }: Packet): void {
    const packet = this.decoder.decode(linkType, bytes);
    if (packet === undefined) return;
    // Whole milliseconds, as all events have them.
    const ms = Math.floor(timeMs);
    const flow = this.flows.see(packet, ms, interfaceIndex, () => {});
    if (flow === undefined) return;
    this.dns.see(packet, flow, ms, told => this.tell(dnsObservation(told, flow, ms)));
  }

  tick(nowMs: number): void {
    this.flows.tick(nowMs);
  }

  counters() {
    return {
      undecoded: { ...this.decoder.undecoded },
      flows: { ...this.flows.counters },
      dns: {
        ...this.dns.counters,
        streams: { ...this.dns.streams.counters },
        evicted: this.dns.lookups.evicted,
      },
    };
  }
}

// From one packet to what is told of it: decoded, put into its flow, and DNS read. The same for live packets and for files. Pure.

import type { DnsObservation } from '../core/observation.ts';
import { Decoder } from './decode.ts';
import { dnsObservation } from './dns/observe.ts';
import { DnsReader } from './dns/reader.ts';
import type { Flow } from './flow.ts';
import { type FlowNews, FlowTable } from './flows.ts';
import type { Packet } from './reader.ts';

/** What packets tell. */
export interface PacketTellers {
  dns(observation: DnsObservation): void;
  flow(news: FlowNews, flow: Flow, timeMs: number): void;
}

export class PacketStages {
  private readonly tell: PacketTellers;
  private nowMs = 0;
  private readonly decoder = new Decoder();
  private readonly flows = new FlowTable();
  private readonly dns = new DnsReader();

  constructor(tell: PacketTellers) {
    this.tell = tell;
  }

  packet({ linkType, bytes, timeMs, interfaceIndex }: Packet): void {
    const packet = this.decoder.decode(linkType, bytes);
    if (packet === undefined) return;
    // Whole milliseconds, as all events have them.
    const ms = Math.floor(timeMs);
    this.nowMs = ms;
    const flow = this.flows.see(packet, ms, interfaceIndex, this.news);
    if (flow === undefined) return;
    this.dns.see(packet, flow, ms, told => this.tell.dns(dnsObservation(told, flow, ms)));
  }

  private readonly news = (news: FlowNews, flow: Flow): void => this.tell.flow(news, flow, this.nowMs);

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

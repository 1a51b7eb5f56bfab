// The packet source of a live run: it runs while a loaded rule needs what packets tell, or where the configuration wants it.

import { LiveJoins } from './live-joins.ts';
import type { LiveRun } from './live-run.ts';
import { HostAddresses } from './pcap/addresses.ts';
import { PacketSource } from './pcap/source.ts';
import { Wanted } from './pcap/wanted.ts';
import type { Ruleset } from './rules/ruleset.ts';

interface Running {
  readonly source: PacketSource;
  readonly joins: LiveJoins;
  readonly connections: boolean;
}

export class LivePackets {
  private readonly run: LiveRun;
  private readonly auditReadUpToMs: () => number;
  private readonly addresses: HostAddresses;
  private running: Running | undefined;

  /** `contained`: processes that may be in network namespaces of their own. */
  constructor(run: LiveRun, auditReadUpToMs: () => number, contained: () => Iterable<number>) {
    this.run = run;
    this.addresses = new HostAddresses(contained);
    this.auditReadUpToMs = auditReadUpToMs;
  }

  /** Starts or stops the source, as these rules need. */
  follow({ needs }: Ruleset, nowMs: number): void {
    const { pcap, sources, events } = this.run.config();
    const connections = needs.connect || needs.accept || events || pcap.enabled === true;
    const isNeeded = pcap.enabled === 'auto' ? needs.dns || connections : pcap.enabled;
    const isWanted = isNeeded && sources.includes('pcap');
    if (isWanted === this.isRunning && connections === (this.running?.connections ?? connections)) return;
    this.stop();
    if (isWanted) this.start(nowMs, connections);
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  tick(nowMs: number): void {
    this.running?.source.tick(nowMs);
    this.running?.joins.tick(nowMs);
  }

  stop(): void {
    this.running?.source.stop();
    this.running?.joins.stop();
    this.running = undefined;
  }

  /** Of the source that runs; undefined where none does. */
  counters() {
    return this.running && { ...this.running.source.counters(), joins: this.running.joins.counters() };
  }

  private start(nowMs: number, connections: boolean): void {
    const { run } = this;
    const { interfaces, snaplen, trace, ...chosen } = run.config().pcap;
    const needs = { dns: true, connections, tls: false, icmp: connections };
    const filters = { ...chosen, own: [] };
    const wanted = new Wanted(filters);
    const source = new PacketSource(
      { interfaces, snaplen, needs, filters },
      {
        dns: observation => {
          run.recorder?.dns(observation);
          run.pipeline(observation);
        },
        flow: (news, flow, timeMs) => {
          if (wanted.isAll || wanted.wants(flow.ends.source, flow.ends.destination, flow.transport))
            this.running?.joins.flow(news, flow, timeMs);
        },
        batchEnd: () => run.pump(),
        loss: (loss, fromMs, toMs) => run.sayLoss({ source: 'pcap', ...loss, fromMs, toMs }),
        note: note => run.log[note.level](note.message),
        availability: (up, message) => run.sayAvailability('pcap', up, message),
      },
    );
    if (!source.start(nowMs)) return;
    const joins = new LiveJoins({
      run,
      auditReadUpToMs: this.auditReadUpToMs,
      packetsReadUpToMs: () => source.readUpToMs(),
      addresses: this.addresses,
      trace: connections && trace !== false,
      sees: ({ source = {}, destination = {}, transport }) =>
        connections &&
        interfaces.includes('any') &&
        (filters.udp || transport !== undefined) &&
        wanted.wants(source, destination, transport),
    });
    this.running = { source, joins, connections };
  }
}

// The packet source of a live run: it runs while a loaded rule needs what packets tell, or where the configuration wants it.

import type { LiveRun } from './live-run.ts';
import { PacketSource } from './pcap/source.ts';
import type { Ruleset } from './rules/ruleset.ts';

export class LivePackets {
  private readonly run: LiveRun;
  private source: PacketSource | undefined;

  constructor(run: LiveRun) {
    this.run = run;
  }

  /** Starts or stops the source, as these rules need. */
  follow(ruleset: Ruleset, nowMs: number): void {
    const { pcap, sources, events } = this.run.config();
    const isNeeded = pcap.enabled === 'auto' ? ruleset.needs.dns || events : pcap.enabled;
    const isWanted = isNeeded && sources.includes('pcap');
    if (isWanted === (this.source !== undefined)) return;
    if (isWanted) this.start(nowMs);
    else this.stop();
  }

  get isRunning(): boolean {
    return this.source !== undefined;
  }

  tick(nowMs: number): void {
    this.source?.tick(nowMs);
  }

  stop(): void {
    this.source?.stop();
    this.source = undefined;
  }

  /** Of the source that runs; undefined where none does. */
  counters() {
    return this.source?.counters();
  }

  private start(nowMs: number): void {
    const { run } = this;
    const { interfaces, snaplen } = run.config().pcap;
    const source = new PacketSource(
      { interfaces, snaplen },
      {
        observation: observation => {
          run.recorder?.dns(observation);
          run.pipeline(observation);
        },
        batchEnd: () => run.pump(),
        loss: (loss, fromMs, toMs) => run.sayLoss({ source: 'pcap', ...loss, fromMs, toMs }),
        note: note => run.log[note.level](note.message),
        availability: (up, message) => run.sayAvailability('pcap', up, message),
      },
    );
    if (source.start(nowMs)) this.source = source;
  }
}

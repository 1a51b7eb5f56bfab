// The log source of a live run: it runs while a loaded rule needs it, or where the configuration wants it.

import type { LiveRun } from './live-run.ts';
import { LogSource } from './logs/source.ts';
import type { Ruleset } from './rules/ruleset.ts';

export class LiveLogs {
  private readonly run: LiveRun;
  private source: LogSource | undefined;

  constructor(run: LiveRun) {
    this.run = run;
  }

  /** Starts or stops the source, as these rules need. */
  follow(ruleset: Ruleset, nowMs: number): void {
    const { logs, sources } = this.run.config();
    const isWanted = (logs.enabled === 'auto' ? ruleset.needs.logs : logs.enabled) && sources.includes('logs');
    if (isWanted === (this.source !== undefined)) return;
    if (isWanted) {
      this.source = this.create();
      this.source.start(nowMs);
    } else {
      this.stop();
    }
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

  private create(): LogSource {
    const { run } = this;
    const { files, journal, maxLineBytes } = run.config().logs;
    return new LogSource(
      { files, journal, maxLineBytes, pid: process.pid },
      {
        observation: observation => {
          run.recorder?.log(observation);
          run.pipeline(observation);
        },
        batchEnd: () => run.pump(),
        loss: (loss, fromMs, toMs) => run.sayLoss({ source: 'logs', ...loss, fromMs, toMs }),
        note: note => run.log[note.level](note.message),
        availability: (up, message) => run.sayAvailability('logs', up, message),
      },
    );
  }
}

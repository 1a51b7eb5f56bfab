// The audit source of a live run: what it is built from, and where what it says goes.

import { join } from 'node:path';
import type { AuditEvent } from './audit/event.ts';
import { describeHostRules } from './audit/host-rules.ts';
import { kernelRules } from './audit/kernel-setup.ts';
import { AuditObserver } from './audit/observe.ts';
import { AuditSource } from './audit/source.ts';
import type { Loss, Note } from './core/source.ts';
import { hostRuleContext } from './host-context.ts';
import { kernelNeeds, SPARED, wantedRules } from './kernel-needs.ts';
import type { LiveRun } from './live-run.ts';
import type { HostFacts, HostIdentity } from './proc/facts.ts';
import { auditListeners, commOf } from './proc/listeners.ts';
import type { Ruleset } from './rules/ruleset.ts';

const COALESCE_MS = 50;
/** Bytes of the native ring for each event that may wait. */
const EVENT_BYTES = 512;
export const AUDIT_STATE_FILE = 'audit-state.json';

export interface LiveAuditOptions {
  readonly run: LiveRun;
  /** Of the host itself, whether recorded or not. */
  readonly facts: HostFacts;
  readonly host: HostIdentity;
  readonly ruleset: () => Ruleset;
  /** Patterns of files of which it's asked who writes to them; none where their watcher says it. */
  readonly whoPatterns: () => readonly string[];
  /** Sees every event, before it means anything. */
  readonly onEvent: (event: AuditEvent) => void;
}

export class LiveAudit {
  /** What the operator was told at the start. */
  readonly notes: Note[] = [];
  private readonly options: LiveAuditOptions;
  private readonly excluded = new Set<number>();
  private readonly observer = new AuditObserver(this.excluded);
  private readonly source: AuditSource;
  /** When the current batch was read; 0 between batches. */
  private createdMs = 0;

  constructor(options: LiveAuditOptions) {
    this.options = options;
    this.source = this.createSource();
  }

  start(nowMs: number) {
    return this.source.start(nowMs);
  }

  tick(nowMs: number): void {
    this.source.tick(nowMs);
    // Who wrote most is asked for within one tick, when something was lost in it.
    this.observer.takeHeaviest();
  }

  stop(nowMs: number): void {
    this.source.stop(nowMs);
  }

  /** Asks the kernel for what the rules need now. Throws where the kernel refuses. */
  refreshRules(): void {
    this.source.refreshRules();
  }

  state() {
    return this.source.state();
  }

  readUpToMs(): number {
    return this.source.readUpToMs();
  }

  counters() {
    return this.source.counters();
  }

  private createSource(): AuditSource {
    const { run, facts, host } = this.options;
    const { audit, limits, stateDir } = run.config();
    const context = hostRuleContext(host.architecture);
    const told = new Set<string>();
    const note = (text: string): void => {
      if (!told.has(text)) run.log.info(text);
      told.add(text);
    };
    const wanted = { pid: process.pid, context, note };
    return new AuditSource(
      {
        mode: audit.mode,
        limits: { backlogLimit: audit.backlogLimit, backlogWaitTime: audit.backlogWaitTime },
        receiveBufferBytes: audit.receiveBufferBytes,
        argvMaxBytes: audit.argvMaxBytes,
        ringBytes: limits.queueEvents * EVENT_BYTES,
        coalesceMs: COALESCE_MS,
        stateFile: join(stateDir, AUDIT_STATE_FILE),
        identity: {
          bootId: facts.boot()?.bootId ?? '',
          pid: process.pid,
          startTicks: facts.startTicks(process.pid) ?? 0,
        },
        rules: (saddrFam, mode) => {
          const ruleset = this.options.ruleset();
          const { records, events, audit } = run.config();
          const keep = new Set(SPARED.filter(type => records || ruleset.readsRecord(type)));
          const needs = kernelNeeds(ruleset.needs, events, context, note, this.options.whoPatterns());
          return wantedRules({ ...wanted, texts: audit.rules, keep, needs }, saddrFam, mode);
        },
        inspect: status => this.inspect(status.pid),
        isAlive: pid => commOf(pid) !== undefined,
        isRunning: (pid, startTicks) => facts.startTicks(pid) === startTicks,
      },
      {
        event: event => {
          if (this.createdMs === 0) this.createdMs = Date.now();
          run.recorder?.audit(event, this.createdMs);
          this.options.onEvent(event);
          const observation = this.observer.observe(event, this.createdMs);
          if (observation !== undefined) run.pipeline(observation);
        },
        batchEnd: () => {
          run.pump();
          this.createdMs = 0;
        },
        losses: (losses, fromMs, toMs) => this.sayLosses(losses, fromMs, toMs),
        note: note => {
          this.notes.push(note);
          run.log[note.level](note.message);
        },
        availability: (up, message) => run.sayAvailability('audit', up, message),
      },
      () => this.observer.incomplete,
    );
  }

  private inspect(auditPid: number) {
    const owner = auditPid === 0 ? undefined : commOf(auditPid);
    const host = describeHostRules(kernelRules(), this.options.host.architecture);
    const types = new Set(host.excludedTypes);
    if (types.symmetricDifference(this.excluded).size > 0) {
      this.excluded.clear();
      for (const type of types) this.excluded.add(type);
      this.options.run.recorder?.excluded(host.excludedTypes);
    }
    return {
      ownerAlive: owner !== undefined,
      ...(owner !== undefined && { ownerName: owner }),
      rules: host.texts,
      excludedTypes: host.excludedNames,
      listeners: auditListeners(),
    };
  }

  private sayLosses(losses: readonly Loss[], fromMs: number, toMs: number): void {
    const heaviest = this.observer.takeHeaviest();
    const who = heaviest === undefined ? {} : { heaviest };
    for (const loss of losses) this.options.run.sayLoss({ source: 'audit', ...loss, fromMs, toMs, ...who });
  }
}

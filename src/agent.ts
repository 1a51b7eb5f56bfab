// The live agent: builds the parts from the configuration, starts, ticks, reloads and stops them. No logic of its own.

import { join } from 'node:path';
import { describeHostRules } from './audit/host-rules.ts';
import { kernelRules } from './audit/kernel-setup.ts';
import { KEYS } from './audit/keys.ts';
import type { Loss } from './audit/loss.ts';
import type { Note } from './audit/mode.ts';
import { AuditObserver } from './audit/observe.ts';
import { AuditSource } from './audit/source.ts';
import type { Config } from './config/config.ts';
import type { Loaded } from './config/load.ts';
import { controlPaths } from './control/path.ts';
import { ControlServer } from './control/server.ts';
import { AgentVoice } from './core/agent-events.ts';
import type { AgentEvent, HeartbeatEvent, LossEvent } from './core/event.ts';
import { hostRuleContext } from './host-context.ts';
import { agentId } from './identity.ts';
import { kernelNeeds, SPARED, wantedRules } from './kernel-needs.ts';
import type { Log } from './log.ts';
import { Memory } from './memory.ts';
import { type Outputs, openOutputs } from './output/outputs.ts';
import { createParts, type Parts } from './parts.ts';
import type { HostFacts, HostIdentity } from './proc/facts.ts';
import { auditListeners, commOf } from './proc/listeners.ts';
import { liveFacts } from './proc/live-facts.ts';
import { recordFacts } from './proc/record-facts.ts';
import { RECORDING_VERSION } from './recording/format.ts';
import { RecordingWriter } from './recording/writer.ts';
import type { Running } from './reload.ts';
import { type ReloadAnswer, Reloads, sayLoaded } from './reloads.ts';
import { type RuleRow, ruleRows } from './rule-rows.ts';
import { FiredCounts } from './rules/fired.ts';
import { allRules, type LoadedRuleset, verdictSummary } from './rules-loading.ts';
import type { Status } from './status.ts';
import { VERSION } from './version.ts';

const TICK_MS = 1_000;
const COALESCE_MS = 50;
const DRAIN_MS = 5_000;
/** Bytes of the native ring for each event that may wait. */
const EVENT_BYTES = 512;
/** Rules that a heartbeat and `status` name. */
const FIRED_MAX = 10;
export const AUDIT_STATE_FILE = 'audit-state.json';

type OwnEvent = AgentEvent | LossEvent | HeartbeatEvent;

export class Agent {
  private readonly log: Log;
  /** Asks the process to end with this code. */
  private readonly onEnd: (exitCode: number) => void;
  private readonly voice: AgentVoice;
  private readonly startedMs: number;
  private readonly facts: HostFacts;
  private readonly liveFacts: HostFacts;
  private readonly host: HostIdentity;
  private readonly outputs: Outputs;
  private readonly parts: Parts;
  private readonly observer: AuditObserver;
  private readonly excluded = new Set<number>();
  private readonly source: AuditSource;
  private readonly notes: Note[] = [];
  private readonly memory = new Memory();
  private recorder: RecordingWriter | undefined;
  private readonly fired = new FiredCounts();
  private readonly reloads: Reloads;
  private readonly control: ControlServer;
  private running: Running;
  private timer: ReturnType<typeof setInterval> | undefined;
  private lastHeartbeatMs: number;
  /** When the current batch was read; 0 between batches. */
  private createdMs = 0;
  private ending = false;

  /** Throws where an output or the recording can't be opened. */
  constructor(running: Running, reread: () => Loaded, log: Log, onEnd: (exitCode: number) => void) {
    const nowMs = Date.now();
    this.running = running;
    const { config, rules } = this;
    this.log = log;
    this.onEnd = onEnd;
    this.startedMs = this.lastHeartbeatMs = nowMs;
    this.voice = new AgentVoice(nowMs);
    this.liveFacts = liveFacts({ argvMaxBytes: config.audit.argvMaxBytes });
    this.host = hostIdentity(this.liveFacts, config);
    this.recorder = this.openRecorder();
    const record = (line: string): void => this.recorder?.fact(line);
    this.facts = this.recorder === undefined ? this.liveFacts : recordFacts(this.liveFacts, record);
    this.outputs = openOutputs(config.outputs, {
      minLevel: config.minLevel,
      onHeldBack: level =>
        log.info(`alerts below ${config.minLevel} are held back (the first is ${level}); --min-level shows them`),
      onWarning: message => log.warning(message),
      onDropped: d => this.say(this.voice.loss(Date.now(), outputLoss(d))),
      onProblem: (sink, error) => log.error(`${sink}: ${error.message}; retrying`),
      onRecovered: sink => log.info(`${sink}: writing again`),
      onClosed: sink => this.outputClosed(sink),
    });
    this.parts = createParts({
      facts: this.facts,
      cacheEntries: config.proc.cacheEntries,
      outputs: this.outputs,
      ecs: {
        host: this.host,
        agent: { id: agentId(this.host.id), version: VERSION },
        labels: config.labels,
        records: config.records,
      },
      events: config.events,
      ruleset: rules.ruleset,
      correlations: rules.correlations,
      onAlert: ({ match }) => this.fired.add(match.rule.id),
    });
    this.reloads = new Reloads({
      log,
      say: (kind, message, details) => this.say(this.voice.say(kind, Date.now(), message, details)),
      running: () => this.running,
      reread,
      apply: next => this.apply(next),
      isEnding: () => this.ending,
    });
    this.control = new ControlServer({
      reload: () => this.reload(),
      status: () => this.status(),
      rules: () => this.ruleRows(),
    });
    this.observer = new AuditObserver(this.excluded);
    this.source = this.createSource();
  }

  private get config(): Config {
    return this.running.configuration.config;
  }

  private get rules(): LoadedRuleset {
    return this.running.rules;
  }

  /** Throws AuditError or Error where the source can't start. */
  start(): void {
    const state = this.source.start(Date.now());
    // After the source: what happens between is in its socket.
    const nowMs = Date.now();
    this.recorder?.seed(nowMs);
    this.parts.table.seed(nowMs);
    const { canFire, reasons, notAskedFor } = verdictSummary(this.rules.ruleset);
    this.say(
      this.voice.say(
        'agent_started',
        Date.now(),
        `puppy-hids ${VERSION} started in mode ${state.mode} with ${canFire} rules`,
        {
          mode: state.mode,
          kernel: this.host.kernelRelease,
          audit: { enabled: state.status.enabled, backlog_limit: state.status.backlogLimit, rules: state.ruleCount },
          notes: this.notes.map(({ code, message }) => ({ code, message })),
        },
      ),
    );
    sayLoaded((kind, message, details) => this.say(this.voice.say(kind, Date.now(), message, details)), this.rules);
    for (const [reason, count] of Object.entries(reasons)) this.log.info(`${count} rules can't fire: ${reason}`);
    if (notAskedFor > 0) {
      this.log.info(
        `${notAskedFor} rules are about records that the agent doesn't ask the kernel for; they fire where the host's audit rules or audit.rules bring them`,
      );
    }
    this.memory.compact(performance.now());
    this.log.info(
      `watching in mode ${state.mode}: ${canFire} rules, ${state.ruleCount} kernel rules; stop with Ctrl-C`,
    );
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.outputs.pump();
    void this.openControl();
  }

  heartbeat(): void {
    const nowMs = Date.now();
    this.lastHeartbeatMs = nowMs;
    this.say(this.voice.heartbeat(nowMs, this.counters(nowMs)));
    this.outputs.pump();
  }

  /** Reads configuration and rules again and opens files anew. Whatever is wrong with them, what runs goes on. */
  reload(): Promise<ReloadAnswer> {
    this.outputs.reopen();
    return this.reloads.request();
  }

  /** Stops the sources, restores the kernel, drains the outputs within 5 s. Totals are told. */
  async stop(reason: string): Promise<void> {
    if (this.ending) return;
    this.ending = true;
    clearInterval(this.timer);
    this.control.close();
    this.source.stop(Date.now());
    const totals = this.source.counters();
    this.say(
      this.voice.say('agent_stopped', Date.now(), `puppy-hids stopped: ${reason}`, {
        reason,
        audit: totals,
        pipeline: { ...this.parts.counters },
      }),
    );
    this.recorder?.close();
    const whole = await this.outputs.close(DRAIN_MS);
    const dropped = this.outputs.counters().reduce((sum, c) => sum + c.dropped, 0);
    const heldBack = this.outputs.counters().reduce((sum, c) => sum + c.heldBack, 0);
    this.log.info(
      `stopped (${reason}): ${totals.events} audit events, ${this.parts.counters.alerts} alerts (${heldBack} held back by level); ` +
        `lost: ${totals.missing} in the socket, ${totals.incomplete} incomplete, at most ${totals.kernelLost} records in the kernel, ` +
        `${totals.ringDropped} in the ring, ${dropped} lines in outputs`,
    );
    if (!whole) this.log.warning(`an output did not take its last lines within ${DRAIN_MS / 1000} s`);
  }

  /** For a crash: puts the kernel back, whatever else is broken. */
  restoreKernel(): void {
    this.source.stop(Date.now());
  }

  private createSource(): AuditSource {
    const { config } = this;
    const boot = this.liveFacts.boot();
    const self = this.liveFacts.startTicks(process.pid);
    const context = hostRuleContext(this.host.architecture);
    const wanted = {
      architecture: this.host.architecture,
      pid: process.pid,
      context,
    };
    return new AuditSource(
      {
        mode: config.audit.mode,
        limits: { backlogLimit: config.audit.backlogLimit, backlogWaitTime: config.audit.backlogWaitTime },
        receiveBufferBytes: config.audit.receiveBufferBytes,
        argvMaxBytes: config.audit.argvMaxBytes,
        ringBytes: config.limits.queueEvents * EVENT_BYTES,
        coalesceMs: COALESCE_MS,
        stateFile: join(config.stateDir, AUDIT_STATE_FILE),
        identity: { bootId: boot?.bootId ?? '', pid: process.pid, startTicks: self ?? 0 },
        rules: (saddrFam, mode) => {
          const { ruleset } = this.rules;
          const keep = new Set(SPARED.filter(type => config.records || ruleset.readsRecord(type)));
          const texts = this.config.audit.rules;
          return wantedRules(
            { ...wanted, texts, keep, needs: kernelNeeds(ruleset.needs, config.events) },
            saddrFam,
            mode,
          );
        },
        inspect: status => this.inspect(status.pid),
        isRunning: (pid, startTicks) => this.liveFacts.startTicks(pid) === startTicks,
      },
      {
        event: event => {
          if (this.createdMs === 0) this.createdMs = Date.now();
          this.recorder?.audit(event, this.createdMs);
          const observation = this.observer.observe(event, this.createdMs);
          if (observation !== undefined) this.parts.pipeline(observation);
        },
        batchEnd: () => {
          this.outputs.pump();
          this.createdMs = 0;
        },
        losses: (losses, fromMs, toMs) => this.sayLosses(losses, fromMs, toMs),
        note: note => {
          this.notes.push(note);
          this.tell(note.level, note.message);
        },
        availability: (up, message) => {
          this.tell(up ? 'info' : 'error', message);
          this.say(this.voice.say(up ? 'source_up' : 'source_down', Date.now(), message, { source: 'audit' }));
        },
      },
      () => this.observer.incomplete,
    );
  }

  private inspect(auditPid: number) {
    const owner = auditPid === 0 ? undefined : commOf(auditPid);
    const host = describeHostRules(kernelRules(), this.host.architecture);
    this.excluded.clear();
    for (const type of host.excludedTypes) this.excluded.add(type);
    this.recorder?.excluded(host.excludedTypes);
    return {
      ownerAlive: owner !== undefined,
      ...(owner !== undefined && { ownerName: owner }),
      rules: host.texts,
      excludedTypes: host.excludedNames,
      listeners: auditListeners(),
    };
  }

  private tick(): void {
    const nowMs = Date.now();
    this.source.tick(nowMs);
    // Who wrote most is asked for within one tick, when something was lost in it.
    this.observer.takeHeaviest();
    this.recorder?.tick(nowMs);
    this.parts.tick(nowMs);
    if (nowMs - this.lastHeartbeatMs >= this.config.heartbeatMs || nowMs < this.lastHeartbeatMs) this.heartbeat();
    this.recorder?.flush();
    this.outputs.pump();
    const rss = this.memory.tick(performance.now());
    if (rss > this.config.limits.memoryBytes) {
      this.log.error(
        `the agent uses ${rss} bytes of memory, more than limits.memory (${this.config.limits.memoryBytes}): it ends`,
      );
      this.onEnd(1);
    }
  }

  private say(event: OwnEvent): void {
    this.recorder?.agent(event);
    this.parts.pipeline(event);
  }

  /** Between two events. */
  private apply(next: Running): readonly string[] {
    this.running = next;
    const { config, rules } = this;
    this.outputs.setLevels(config.minLevel, config.outputs);
    this.parts.setRuleset(rules.ruleset, rules.correlations);
    this.fired.keep(new Set(rules.lines.keys()));
    this.memory.compact(performance.now());
    try {
      this.source.refreshRules();
      return [];
    } catch (error) {
      return [`asking the kernel for what the new rules need: ${(error as Error).message}`];
    }
  }

  private counters(nowMs: number): Record<string, unknown> {
    const { user, system } = process.cpuUsage();
    return {
      uptime_s: Math.round((nowMs - this.startedMs) / 1000),
      audit: this.source.counters(),
      process_table: { ...this.parts.table.counters },
      pipeline: { ...this.parts.counters },
      rules: { loaded: this.rules.lines.size, rejected: this.rules.rejected },
      fired: this.fired.top(FIRED_MAX),
      outputs: Object.fromEntries(this.outputs.counters().map(({ name, ...counters }) => [name, counters])),
      memory: { rss_bytes: process.memoryUsage.rss() },
      cpu: { user_ms: Math.round(user / 1000), system_ms: Math.round(system / 1000) },
    };
  }

  private status(): Status {
    const { mode, ruleCount } = this.source.state();
    const titles = new Map(allRules(this.rules).map(({ info }) => [info.id, info.title]));
    return {
      version: VERSION,
      pid: process.pid,
      startedMs: this.startedMs,
      mode,
      kernelRules: ruleCount,
      rules: {
        loaded: this.rules.lines.size,
        canFire: verdictSummary(this.rules.ruleset).canFire,
        rejected: this.rules.rejected,
      },
      fired: this.fired.top(FIRED_MAX).map(({ id, count }) => ({ id, title: titles.get(id) ?? '', count })),
      counters: this.counters(Date.now()),
    };
  }

  private ruleRows(): RuleRow[] {
    return ruleRows(this.rules, { kernelRulesOf: () => [], fired: id => this.fired.of(id) });
  }

  private async openControl(): Promise<void> {
    try {
      const path = await this.control.open(controlPaths(this.config.stateDir));
      this.log.debug(`control socket: ${path}`);
    } catch (error) {
      if (this.ending) return;
      this.log.warning(
        `no control socket, so "puppy-hids status" and "reload" don't find this agent (SIGHUP reloads too): ${(error as Error).message}`,
      );
    }
  }

  private sayLosses(losses: readonly Loss[], fromMs: number, toMs: number): void {
    const heaviest = this.observer.takeHeaviest();
    for (const loss of losses) {
      const event = this.voice.loss(Date.now(), {
        source: 'audit',
        ...loss,
        fromMs,
        toMs,
        ...(heaviest !== undefined && { heaviest }),
      });
      this.log.warning(event.message);
      this.say(event);
    }
  }

  private tell(level: Note['level'] | 'error', message: string): void {
    this.log[level](message);
  }

  private openRecorder(): RecordingWriter | undefined {
    const { recordDir, labels, records, proc } = this.config;
    if (recordDir === undefined) return undefined;
    const header = {
      version: RECORDING_VERSION,
      agentVersion: VERSION,
      agentId: agentId(this.host.id),
      labels,
      cacheEntries: proc.cacheEntries,
      keys: KEYS,
      records,
      host: this.host,
    };
    return new RecordingWriter(recordDir, header, error =>
      this.log.error(`--record ${recordDir}: ${error.message}; nothing more is recorded`),
    );
  }

  private outputClosed(sink: string): void {
    if (!this.outputs.allClosed) {
      this.log.warning(`${sink}: its reader went away; the other outputs go on`);
      return;
    }
    this.log.warning(`${sink}: its reader went away, and no other output is left`);
    this.onEnd(1);
  }
}

function hostIdentity(facts: HostFacts, config: Config): HostIdentity {
  const host = facts.host();
  if (host === undefined)
    throw new Error('this host has neither a machine id nor /proc: give host.id in the configuration');
  return {
    ...host,
    ...(config.host.id !== undefined && { id: config.host.id }),
    ...(config.host.name !== undefined && { name: config.host.name }),
  };
}

function outputLoss(d: { sink: string; lines: number; fromMs: number; toMs: number }): LossEvent['loss'] {
  return {
    source: 'output',
    reason: 'output',
    count: d.lines,
    unit: 'lines',
    upperBound: false,
    fromMs: d.fromMs,
    toMs: d.toMs,
  };
}

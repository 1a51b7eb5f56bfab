// The live agent: builds the parts from the configuration, starts, ticks, reloads and stops them. No logic of its own.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KEYS } from './audit/keys.ts';
import type { Config } from './config/config.ts';
import type { Loaded } from './config/load.ts';
import { controlPaths } from './control/path.ts';
import { ControlServer } from './control/server.ts';
import { AgentVoice } from './core/agent-events.ts';
import type { AgentEvent, HeartbeatEvent, LossEvent } from './core/event.ts';
import type { Who } from './fsnotify/task.ts';
import { hostRuleContext } from './host-context.ts';
import { agentId } from './identity.ts';
import { AUDIT_STATE_FILE, LiveAudit } from './live-audit.ts';
import { LiveFiles } from './live-files.ts';
import { LiveLogs } from './live-logs.ts';
import { LivePackets } from './live-packets.ts';
import type { LiveRun } from './live-run.ts';
import type { Log } from './log.ts';
import { Memory } from './memory.ts';
import { type Outputs, openOutputs } from './output/outputs.ts';
import { createParts, type Parts } from './parts.ts';
import type { HostFacts, HostIdentity } from './proc/facts.ts';
import { liveFacts } from './proc/live-facts.ts';
import { recordFacts } from './proc/record-facts.ts';
import { RECORDING_VERSION } from './recording/format.ts';
import { recordTerms } from './recording/terms.ts';
import { RecordingWriter } from './recording/writer.ts';
import type { Running } from './reload.ts';
import { type ReloadAnswer, Reloads, sayLoaded } from './reloads.ts';
import { type RuleRow, ruleRows } from './rule-rows.ts';
import { FiredCounts } from './rules/fired.ts';
import { allRules, type LoadedRuleset, verdictSummary } from './rules-loading.ts';
import type { Status } from './status.ts';
import { SqliteTerms } from './store/terms.ts';
import { VERSION } from './version.ts';

const TICK_MS = 1_000;
const DRAIN_MS = 5_000;
/** Rules that a heartbeat and `status` name. */
const FIRED_MAX = 10;
const TERMS_FILE = 'terms.db';

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
  private readonly terms: SqliteTerms;
  /** Absent where the configuration leaves it out. */
  private readonly audit: LiveAudit | undefined;
  private readonly files: LiveFiles;
  private readonly logs: LiveLogs;
  private readonly packets: LivePackets;
  private readonly memory = new Memory();
  /** Sources that can't see at the moment, with the reason. */
  private readonly down = new Map<string, string>();
  private recorder: RecordingWriter | undefined;
  private readonly fired = new FiredCounts();
  private readonly reloads: Reloads;
  private readonly control: ControlServer;
  private running: Running;
  private timer: ReturnType<typeof setInterval> | undefined;
  private lastHeartbeatMs: number;
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
    this.terms = new SqliteTerms({
      path: join(config.stateDir, TERMS_FILE),
      onNote: (level, message) => log[level](message),
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
      correlationBytes: config.limits.correlationBytes,
      terms: this.recorder === undefined ? this.terms : recordTerms(this.terms, record),
      onAlert: ({ match }) => this.fired.add(match.rule.id),
    });
    this.reloads = new Reloads({
      log,
      say: this.tell,
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
    const run = this.liveRun();
    if (config.sources.includes('audit')) {
      this.audit = new LiveAudit({
        run,
        facts: this.liveFacts,
        host: this.host,
        ruleset: () => this.rules.ruleset,
        whoPatterns: () => this.files.whoPatterns,
        onEvent: event => this.files.audited(event),
      });
    }
    this.files = new LiveFiles({ run, auditReadUpToMs: () => this.audit?.readUpToMs() ?? Number.POSITIVE_INFINITY });
    this.logs = new LiveLogs(run);
    this.packets = new LivePackets(
      run,
      () => this.audit?.readUpToMs() ?? Number.POSITIVE_INFINITY,
      () => this.parts.table.contained(),
    );
  }

  private get config(): Config {
    return this.running.configuration.config;
  }

  private get rules(): LoadedRuleset {
    return this.running.rules;
  }

  /** Throws AuditError or Error where a source can't start. */
  start(): void {
    const state = this.audit?.start(Date.now());
    if (state === undefined) this.warnOfAudit();
    // After the source: what happens between is in its socket.
    const nowMs = Date.now();
    this.files.follow(this.rules.ruleset, nowMs);
    if (this.files.whoPatterns.length > 0) this.audit?.refreshRules();
    this.logs.follow(this.rules.ruleset, nowMs);
    this.packets.follow(this.rules.ruleset, nowMs);
    this.refuseDown();
    this.recorder?.seed(nowMs);
    this.parts.table.seed(nowMs);
    const { canFire, reasons, missing, notAskedFor } = verdictSummary(this.rules.ruleset);
    const sources = this.sources();
    const how = state === undefined ? 'without audit' : `in mode ${state.mode}`;
    this.tell('agent_started', `puppy-hids ${VERSION} started ${how} with ${canFire} rules`, {
      sources,
      kernel: this.host.kernelRelease,
      ...(state !== undefined && {
        mode: state.mode,
        audit: { enabled: state.status.enabled, backlog_limit: state.status.backlogLimit, rules: state.ruleCount },
      }),
      notes: (this.audit?.notes ?? []).map(({ code, message }) => ({ code, message })),
    });
    sayLoaded(this.tell, this.rules);
    for (const [reason, count] of Object.entries(reasons)) this.log.info(`${count} rules can't fire: ${reason}`);
    for (const [source, count] of Object.entries(missing)) {
      this.log.info(`${count} rules need the ${source} source, which is left out: "puppy-hids rules list" names them`);
    }
    if (notAskedFor > 0) {
      this.log.info(
        `${notAskedFor} rules are about records that the agent doesn't ask the kernel for; they fire where the host's audit rules or audit.rules bring them`,
      );
    }
    this.memory.compact(performance.now());
    if (sources.length === 0) {
      this.log.warning(
        'nothing is watched: no rule needs a source that may run. Give rules about files or logs, or fsnotify.enabled: true, logs.enabled: true',
      );
    }
    const kernel = state === undefined ? '' : `, ${state.ruleCount} kernel rules`;
    this.log.info(`watching ${how}: ${canFire} rules${kernel}; stop with Ctrl-C`);
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
    this.audit?.stop(Date.now());
    const files = this.files.counters();
    this.files.stop();
    const logs = this.logs.counters();
    this.logs.stop();
    const packets = this.packets.counters();
    this.packets.stop();
    this.terms.close();
    const totals = this.audit?.counters();
    this.tell('agent_stopped', `puppy-hids stopped: ${reason}`, {
      reason,
      ...(totals !== undefined && { audit: totals }),
      ...(files !== undefined && { files }),
      ...(logs !== undefined && { logs }),
      ...(packets !== undefined && { packets }),
      pipeline: { ...this.parts.counters },
    });
    this.recorder?.close();
    const whole = await this.outputs.close(DRAIN_MS);
    const dropped = this.outputs.counters().reduce((sum, c) => sum + c.dropped, 0);
    const heldBack = this.outputs.counters().reduce((sum, c) => sum + c.heldBack, 0);
    const ofAudit = totals === undefined ? '' : `${totals.events} audit events, `;
    const lostOfAudit =
      totals === undefined
        ? ''
        : `${totals.missing} in the socket, ${totals.incomplete} incomplete, at most ${totals.kernelLost} records in the kernel, ${totals.ringDropped} in the ring, `;
    this.log.info(
      `stopped (${reason}): ${ofAudit}${this.parts.counters.alerts} alerts (${heldBack} held back by level); ` +
        `lost: ${lostOfAudit}${dropped} lines in outputs`,
    );
    if (!whole) this.log.warning(`an output did not take its last lines within ${DRAIN_MS / 1000} s`);
  }

  /** For a crash: puts the kernel back, whatever else is broken. */
  restoreKernel(): void {
    this.audit?.stop(Date.now());
  }

  private liveRun(): LiveRun {
    const { log, recorder } = this;
    return {
      config: () => this.config,
      log,
      recorder,
      pipeline: this.parts.pipeline,
      pass: this.parts.pass,
      setHold: this.parts.setHold,
      pump: () => this.outputs.pump(),
      ...(!this.config.sources.includes('audit') && { met: who => this.meet(who) }),
      sayLoss: loss => {
        const event = this.voice.loss(Date.now(), loss);
        log.warning(event.message);
        this.say(event);
      },
      sayAvailability: (source, up, message) => {
        if (up) this.down.delete(source);
        else this.down.set(source, message);
        log[up ? 'info' : 'error'](message);
        this.tell(up ? 'source_up' : 'source_down', message, { source });
      },
    };
  }

  private meet(who: Who): void {
    if (who.task.pid === process.pid) return;
    const nowMs = Date.now();
    this.recorder?.met(who, nowMs);
    this.parts.table.meet(who.task, who.startTicks, nowMs);
  }

  private tick(): void {
    const nowMs = Date.now();
    this.audit?.tick(nowMs);
    this.files.tick(nowMs);
    this.logs.tick(nowMs);
    this.packets.tick(nowMs);
    this.recorder?.tick(nowMs);
    this.parts.tick(nowMs);
    if (nowMs - this.lastHeartbeatMs >= this.config.heartbeatMs || nowMs < this.lastHeartbeatMs) this.heartbeat();
    this.recorder?.flush();
    this.outputs.pump();
    const limit = this.config.limits.memoryBytes;
    let rss = this.memory.tick(performance.now());
    // Garbage is no reason to end.
    if (rss > limit) rss = this.memory.compact(performance.now());
    if (rss > limit && !this.reloads.isSettling()) {
      this.log.error(
        `the agent uses ${mib(rss)} of memory, more than limits.memory (${mib(limit)}): it ends. Raise limits.memory, watch less (fsnotify.paths, fsnotify.max_files), or load fewer rules`,
      );
      this.onEnd(1);
    }
  }

  private say(event: OwnEvent): void {
    this.recorder?.agent(event);
    this.parts.pipeline(event);
  }

  private readonly tell = (
    kind: AgentEvent['kind'],
    message: string,
    details: Readonly<Record<string, unknown>>,
  ): void => this.say(this.voice.say(kind, Date.now(), message, details));

  /** Between two events. */
  private apply(next: Running): readonly string[] {
    this.running = next;
    const { config, rules } = this;
    this.outputs.setLevels(config.minLevel, config.outputs);
    this.parts.setRuleset(rules.ruleset, rules.correlations);
    this.fired.keep(new Set(allRules(rules).map(({ info }) => info.id)));
    this.memory.compact(performance.now());
    try {
      this.files.follow(rules.ruleset, Date.now());
      this.logs.follow(rules.ruleset, Date.now());
      this.packets.follow(rules.ruleset, Date.now());
      this.audit?.refreshRules();
      return [];
    } catch (error) {
      return [`asking the kernel for what the new rules need: ${(error as Error).message}`];
    }
  }

  private counters(nowMs: number): Record<string, unknown> {
    const { user, system } = process.cpuUsage();
    const files = this.files.counters();
    const logs = this.logs.counters();
    const packets = this.packets.counters();
    const audit = this.audit?.counters();
    return {
      uptime_s: Math.round((nowMs - this.startedMs) / 1000),
      ...(audit !== undefined && { audit }),
      ...(files !== undefined && { files }),
      ...(logs !== undefined && { logs }),
      ...(packets !== undefined && { packets }),
      process_table: { ...this.parts.table.counters },
      judge: this.parts.judge.counters(),
      pipeline: { ...this.parts.counters },
      rules: { loaded: allRules(this.rules).length, rejected: this.rules.rejected },
      fired: this.fired.top(FIRED_MAX),
      outputs: Object.fromEntries(this.outputs.counters().map(({ name, ...counters }) => [name, counters])),
      memory: { rss_bytes: process.memoryUsage.rss() },
      cpu: { user_ms: Math.round(user / 1000), system_ms: Math.round(system / 1000) },
    };
  }

  private status(): Status {
    const audit = this.audit?.state();
    const titles = new Map(allRules(this.rules).map(({ info }) => [info.id, info.title]));
    return {
      version: VERSION,
      pid: process.pid,
      startedMs: this.startedMs,
      sources: this.sources(),
      ...(audit !== undefined && { mode: audit.mode, kernelRules: audit.ruleCount }),
      rules: {
        loaded: allRules(this.rules).length,
        canFire: verdictSummary(this.rules.ruleset).canFire,
        rejected: this.rules.rejected,
      },
      fired: this.fired.top(FIRED_MAX).map(({ id, count }) => ({ id, title: titles.get(id) ?? '', count })),
      counters: this.counters(Date.now()),
    };
  }

  /** Those that run and can see. */
  private sources(): string[] {
    const running = {
      audit: this.audit !== undefined,
      fsnotify: this.files.isRunning,
      logs: this.logs.isRunning,
      pcap: this.packets.isRunning,
    };
    return Object.entries(running).flatMap(([name, runs]) => (runs && !this.down.has(name) ? [name] : []));
  }

  /** A source that was asked for by its name, and that can't see from the start, is a mistake; the log source waits for its files. */
  private refuseDown(): void {
    if (this.running.configuration.settings.sources === undefined) return;
    for (const name of ['fsnotify', 'pcap']) {
      const why = this.down.get(name);
      if (why !== undefined) throw new Error(`${why}; or leave ${name} out of the sources (--source)`);
    }
  }

  /** What an agent with audit left in the kernel, when it crashed, stays there. */
  private warnOfAudit(): void {
    if (existsSync(join(this.config.stateDir, AUDIT_STATE_FILE)))
      this.log.warning('an agent that ran with audit left its rules in the kernel; "puppy-hids cleanup" removes them');
  }

  private ruleRows(): RuleRow[] {
    return ruleRows(this.rules, hostRuleContext(this.host.architecture), id => this.fired.of(id));
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

const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

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

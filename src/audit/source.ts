// The live audit source: chooses a mode, keeps events coming whatever happens to the audit daemon, the socket or the rules, and
// accounts for what was lost. What the events mean is not its business (edge: netlink, files).

import type { Loss, Note } from '../core/source.ts';
import { type AuditCounters, ReaderAccounts } from './accounts.ts';
import { AuditError, type AuditStatus, getStatus, setStatus } from './control.ts';
import { type AuditEvent, FLAG } from './event.ts';
import {
  type AddedRules,
  KernelSetup,
  type Limits,
  type Identity as SetupIdentity,
  type WantedRule,
} from './kernel-setup.ts';
import { type EventVisitor, LiveReader } from './live-reader.ts';
import { decideMode, type HostAuditState, type Mode, type RequestedMode } from './mode.ts';
import { readSavedState, restoreKernel } from './saved-state.ts';

const CONFIG_CHANGE = 1305;
/** After yielding to an audit daemon, how long it may take to come (a service manager restarts it in seconds). */
const YIELD_GRACE_MS = 30_000;
/** How many consecutive ticks without an audit daemon end `share`. */
const ABSENT_TICKS = 3;
/** The reader gathers records for at most so long under load, with time to spare. */
const GATHER_MS = 250;
/** After a switch of readers, how long an event of the old one may come again from the new. */
const OVERLAP_MS = 5_000;
const OVERLAP_SERIALS = 1 << 14;
const BACKLOG_DRAIN_MS = 1_000;
/** How often what the host has (folders to watch, programs) is looked at again. */
const REFRESH_MS = 30_000;

export interface AuditSourceOptions {
  readonly mode: RequestedMode;
  readonly limits: Limits;
  readonly receiveBufferBytes: number;
  readonly argvMaxBytes: number;
  readonly ringBytes: number;
  readonly coalesceMs: number;
  readonly stateFile: string;
  readonly identity: SetupIdentity;
  /** What the agent asks of the kernel; without `saddrFam` for kernels that don't know the field. */
  readonly rules: (saddrFam: boolean, mode: Mode) => readonly WantedRule[];
  /** The host's state apart from the kernel's own answers; also called when the host's rules may have changed. */
  readonly inspect: (status: AuditStatus) => Omit<HostAuditState, 'status'>;
  /** Whether there is a process of that pid: asked once a second. */
  readonly isAlive: (pid: number) => boolean;
  /** Whether the process that left a saved state is still there. */
  readonly isRunning: (pid: number, startTicks: number) => boolean;
}

export interface AuditSourceSink {
  event(event: AuditEvent): void;
  batchEnd(): void;
  /** Losses since the last report, by measure; the window's ends are wall-clock milliseconds. */
  losses(losses: readonly Loss[], fromMs: number, toMs: number): void;
  note(note: Note): void;
  /** The source stopped or started to give events. */
  availability(up: boolean, message: string): void;
}

export interface AuditSourceState {
  readonly mode: Mode;
  readonly ruleCount: number;
  readonly rules: AddedRules | undefined;
  readonly status: AuditStatus;
}

export class AuditSource {
  private readonly options: AuditSourceOptions;
  private readonly sink: AuditSourceSink;
  private readonly setup: KernelSetup;
  private readonly accounts: ReaderAccounts;
  private readonly visitor: EventVisitor = {
    event: event => this.visit(event),
    batchEnd: () => this.sink.batchEnd(),
    woken: () => this.woken(),
  };
  private reader: LiveReader | undefined;
  private mode: Mode = 'observe';
  private added: AddedRules | undefined;
  private rulesWanted = false;
  private saddrFam = true;
  private lastTickMs = 0;
  private replaceRequests = 0;
  private overruns = 0;
  /** Monotonic, as the clock may be set while waiting. */
  private yieldedUntilMs = 0;
  private absentTicks = 0;
  private checkRules = false;
  private refreshAtMs = 0;
  /** Rules whose refusal was told. */
  private readonly refusals = new Set<string>();
  private down: string | undefined;
  private auditWasEnabled = true;
  private stopping = false;
  /** A second reader is open: what the first one couldn't complete comes whole from there. */
  private switching = false;
  /** Serials given out lately, for the overlap of two readers. */
  private readonly recent = new Uint32Array(OVERLAP_SERIALS);
  private recentAt = 0;
  private overlap: Set<number> | undefined;
  private overlapUntilMs = 0;
  /** `incomplete` counts the events that came without all their records. */
  constructor(options: AuditSourceOptions, sink: AuditSourceSink, incomplete: () => number) {
    this.options = options;
    this.sink = sink;
    this.accounts = new ReaderAccounts(incomplete);
    this.setup = new KernelSetup(options.stateFile, options.identity);
  }

  /** Throws AuditError (EPERM, EEXIST, EPROTONOSUPPORT) or Error with what to do. */
  start(nowMs: number): AuditSourceState {
    this.lastTickMs = nowMs;
    this.recover();
    const status = getStatus();
    this.accounts.begin(status.lost);
    const decision = decideMode(this.options.mode, { status, ...this.options.inspect(status) });
    if (!decision.ok) throw new Error(decision.message);
    for (const note of decision.notes) this.sink.note(note);
    this.rulesWanted = decision.addRules;
    try {
      this.enter(decision.mode, status);
    } catch (error) {
      const raced = error instanceof AuditError && error.code === 'EEXIST' && this.options.mode === 'auto';
      if (!raced) throw error;
      this.enter('share', status);
    }
    return this.state();
  }

  /** Once a second: accounts for losses, and sees to it that events keep coming. */
  tick(nowMs: number): void {
    if (this.stopping) return;
    let status: AuditStatus | undefined;
    try {
      status = getStatus();
      this.accounts.lostNow(status.lost);
    } catch (error) {
      this.setDown(`the kernel doesn't tell the audit status: ${(error as Error).message}`);
    }
    this.report(nowMs);
    if (status === undefined) return;
    try {
      this.keepGoing(status);
    } catch (error) {
      this.setDown((error as Error).message);
    }
  }

  /** Restores the kernel, then hands out what was read until then. */
  stop(nowMs: number): void {
    if (this.stopping) return;
    this.stopping = true;
    const problems: string[] = [];
    // Each step is tried, whatever became of the one before.
    const attempt = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        problems.push((error as Error).message);
      }
    };
    const othersOwn = this.mode !== 'own';
    attempt(() => this.setup.deleteRules());
    attempt(() => this.waitForBacklog());
    if (!othersOwn) attempt(() => setStatus('pid', 0));
    attempt(() => problems.push(...this.setup.restore(othersOwn)));
    for (const problem of problems) {
      this.sink.note({
        code: 'audit_restore_failed',
        level: 'warning',
        message: `restoring the audit state: ${problem}; run "puppy-hids cleanup"`,
      });
    }
    this.closeReader();
    try {
      this.accounts.lostNow(getStatus().lost);
    } catch {
      // told already
    }
    this.report(nowMs);
  }

  state(): AuditSourceState {
    return { mode: this.mode, ruleCount: this.setup.ruleCount, rules: this.added, status: getStatus() };
  }

  /** Milliseconds since the epoch: what the kernel told until then was handed out, unless it was lost. */
  readUpToMs(): number {
    return (this.reader?.handedOutMs() ?? Date.now()) - GATHER_MS;
  }

  counters(): AuditCounters {
    return this.accounts.counters(this.reader?.stats());
  }

  /** Undoes what an agent that crashed left behind. */
  private recover(): void {
    const { stateFile, identity } = this.options;
    const saved = readSavedState(stateFile);
    if (saved === undefined || saved.bootId !== identity.bootId) return;
    if (this.options.isRunning(saved.pid, saved.startTicks)) {
      throw new Error(`another agent runs already (pid ${saved.pid}, ${stateFile})`);
    }
    const { restored, failed } = restoreKernel(saved);
    const done = restored.length > 0 ? restored.join(', ') : 'nothing was left to undo';
    const rest = failed.length > 0 ? `; failed: ${failed.join(', ')}` : '';
    this.sink.note({
      code: 'audit_recovered',
      level: failed.length > 0 ? 'warning' : 'info',
      message: `the agent with pid ${saved.pid} ended without restoring the audit state: ${done}${rest}`,
    });
  }

  private enter(mode: Mode, status: AuditStatus): void {
    const reader = this.openReader(mode !== 'own');
    try {
      if (mode === 'own') reader.register(this.options.identity.pid);
      reader.start(this.visitor);
    } catch (error) {
      reader.close();
      throw error;
    }
    this.reader = reader;
    this.mode = mode;
    if (mode === 'own') this.setup.applyLimits(status, this.options.limits);
    this.applyRules();
  }

  private openReader(multicast: boolean): LiveReader {
    const { receiveBufferBytes, argvMaxBytes, ringBytes, coalesceMs } = this.options;
    const reader = new LiveReader({ multicast, receiveBufferBytes, argvMaxBytes, ringBytes, coalesceMs });
    this.replaceRequests = 0;
    this.overruns = 0;
    return reader;
  }

  /** What {@link AuditSourceOptions.rules} gives has changed. Throws AuditError. */
  refreshRules(): void {
    if (!this.stopping) this.applyRules();
  }

  /** The rules of the present mode in place of those before. */
  private applyRules(): void {
    this.refreshAtMs = performance.now() + REFRESH_MS;
    if (this.mode === 'observe' || !this.rulesWanted) return;
    let result = this.setup.replaceRules(this.options.rules(this.saddrFam, this.mode));
    if (result.refused.some(r => r.code === 'EINVAL' && r.text.includes('saddr_fam'))) {
      this.saddrFam = false;
      result = this.setup.replaceRules(this.options.rules(false, this.mode));
    }
    this.tellAdded(result);
  }

  private tellAdded(result: AddedRules): void {
    this.added = result;
    for (const { text, code, optional } of result.refused) {
      if (this.refusals.has(text)) continue;
      this.refusals.add(text);
      // /proc and the like have no name for what isn't there.
      const isGone = code === 'ENOENT';
      this.sink.note({
        code: 'audit_rule_refused',
        level: optional || isGone ? 'info' : 'warning',
        message: `the kernel doesn't take the audit rule "${text}": ${code}${isGone ? ' (there is nothing to watch; asked again every half minute)' : ''}`,
      });
    }
  }

  private visit(event: AuditEvent): void {
    if (this.switching && event.flags & FLAG.endForced) return;
    const { serial } = event;
    if (this.overlap !== undefined) {
      if (this.overlap.has(serial)) return;
      if (performance.now() > this.overlapUntilMs) this.overlap = undefined;
    }
    this.recent[this.recentAt++ & (OVERLAP_SERIALS - 1)] = serial;
    if (event.recordCount > 0 && event.find(CONFIG_CHANGE) !== undefined) this.checkRules = true;
    this.sink.event(event);
  }

  private keepGoing(status: AuditStatus): void {
    const stats = this.reader?.stats();
    if (this.reader === undefined || (stats !== undefined && stats.error !== 0)) {
      this.closeReader();
      this.enter(this.mode, status);
      this.setUp('the audit socket was opened again');
      return;
    }
    if (this.mode === 'own' && status.pid !== this.options.identity.pid) {
      this.pidLost(status);
      return;
    }
    if (this.mode === 'own' && stats!.replaceRequests > this.replaceRequests) {
      this.replaceRequests = stats!.replaceRequests;
      this.sink.note({
        code: 'audit_replace_refused',
        level: 'warning',
        message: `process ${stats!.replacePid} wants to be the audit daemon, and was refused: with --audit-mode auto the agent would yield`,
      });
    }
    if (this.mode === 'own' && stats!.overruns > this.overruns) {
      this.overruns = stats!.overruns;
      provokeRecord(status);
    }
    if (this.mode !== 'own' && this.options.mode === 'auto') this.ownIfFree(status);
    if (this.checkRules) this.repairRules(status);
    if (performance.now() >= this.refreshAtMs) this.applyRules();
    const enabled = status.enabled !== 0;
    if (enabled !== this.auditWasEnabled) {
      this.auditWasEnabled = enabled;
      if (!enabled) this.setDown('auditing was turned off (enabled=0) by somebody else: no events come');
    }
    if (enabled) this.setUp(`audit events come again (mode ${this.mode})`);
  }

  private woken(): void {
    if (this.stopping || this.mode !== 'own' || this.options.mode !== 'auto' || this.reader === undefined) return;
    const { replaceRequests, replacePid } = this.reader.stats();
    if (replaceRequests === 0) return;
    try {
      this.yieldPid(replacePid);
    } catch (error) {
      this.setDown((error as Error).message);
    }
  }

  /** An audit daemon wants to start: it gets the pid, and the agent goes on beside it. */
  private yieldPid(pid: number): void {
    this.switchReader(true, () => {
      this.setup.releaseLimits();
      setStatus('pid', 0);
    });
    this.mode = 'share';
    this.applyRules();
    this.yieldedUntilMs = performance.now() + YIELD_GRACE_MS;
    this.absentTicks = 0;
    this.sink.note({
      code: 'audit_yielded',
      level: 'info',
      message: `an audit daemon (pid ${pid}) wants to start: the agent gave it the audit pid and goes on in mode share. Start it again if it ended`,
    });
  }

  private pidLost(status: AuditStatus): void {
    this.setDown(`the kernel took the audit pid away (now ${status.pid})`);
    if (status.pid !== 0 && this.options.isAlive(status.pid)) {
      if (this.options.mode !== 'auto') return;
      this.closeReader();
      this.setup.releaseLimits();
      this.enter('share', status);
    } else {
      this.closeReader();
      this.enter('own', status);
    }
    this.setUp(`audit events come again (mode ${this.mode})`);
  }

  /** In `share` and `observe`: becomes the owner when no audit daemon is there any more. */
  private ownIfFree(status: AuditStatus): void {
    const free = status.enabled !== 2 && (status.pid === 0 || !this.options.isAlive(status.pid));
    this.absentTicks = free ? this.absentTicks + 1 : 0;
    if (!free) this.yieldedUntilMs = 0;
    if (this.absentTicks < ABSENT_TICKS || performance.now() < this.yieldedUntilMs) return;
    this.switchReader(false, reader => reader.register(this.options.identity.pid));
    this.mode = 'own';
    this.setup.applyLimits(status, this.options.limits);
    this.applyRules();
    this.sink.note({
      code: 'audit_owned',
      level: 'info',
      message: 'no audit daemon is there any more: the agent goes on in mode own',
    });
  }

  /**
   * Opens the next reader before the old one is closed, so that nothing falls between; what both saw is given out once. `between`
   * runs when the new socket is open and the old one still is.
   */
  private switchReader(multicast: boolean, between: (reader: LiveReader) => void): void {
    const next = this.openReader(multicast);
    try {
      between(next);
    } catch (error) {
      next.close();
      throw error;
    }
    this.switching = true;
    this.closeReader();
    this.switching = false;
    this.accounts.overlap();
    this.overlap = new Set(this.recent);
    this.overlapUntilMs = performance.now() + OVERLAP_MS;
    next.start(this.visitor);
    this.reader = next;
  }

  private closeReader(): void {
    const { reader } = this;
    if (reader === undefined) return;
    reader.stop();
    this.accounts.close(reader.stats());
    reader.close();
    this.reader = undefined;
  }

  private repairRules(status: AuditStatus): void {
    this.checkRules = false;
    this.options.inspect(status);
    const { missing, added } = this.setup.repair();
    if (missing === 0) return;
    this.sink.note({
      code: 'audit_rules_deleted',
      level: 'warning',
      message:
        added === missing
          ? `somebody deleted ${missing} of the agent's audit rules; ${added} added again. What happened between is not seen`
          : `${missing} of the agent's audit rules were deleted, ${missing - added} of them with the folder that they watched; ${added} added again`,
    });
    // A folder that was made anew.
    if (added < missing) this.applyRules();
  }

  private report(nowMs: number): void {
    const losses = this.accounts.tell(this.reader?.stats());
    if (losses.length > 0) this.sink.losses(losses, this.lastTickMs, nowMs);
    this.lastTickMs = nowMs;
  }

  /** Until the kernel has sent what our rules made it queue, for a bounded time. */
  private waitForBacklog(): void {
    const end = performance.now() + BACKLOG_DRAIN_MS;
    while (performance.now() < end && getStatus().backlog > 0) Bun.sleepSync(5);
  }

  private setDown(message: string): void {
    if (this.down === message) return;
    if (this.down === undefined) this.sink.availability(false, message);
    this.down = message;
  }

  private setUp(message: string): void {
    if (this.down === undefined) return;
    this.down = undefined;
    this.sink.availability(true, message);
  }
}

/**
 * After an overrun: what was lost shows only in the serial number of the next record, and what the kernel queued to try again comes
 * only with it (kauditd sleeps until there is a new one). On a host that falls silent that would be never. A value set to what it
 * is makes one CONFIG_CHANGE record.
 */
function provokeRecord(status: AuditStatus): void {
  setStatus('backlogWaitTime', status.backlogWaitTime);
}

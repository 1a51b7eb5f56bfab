// `replay`: the verdicts that a live agent would have given, from logs, a recording, or the events that it wrote.

import os from 'node:os';
import type { Config } from '../config/config.ts';
import { LEVELS, type Level } from '../core/event.ts';
import type { TermStore } from '../core/terms.ts';
import { agentId } from '../identity.ts';
import type { Log } from '../log.ts';
import { Memory } from '../memory.ts';
import type { HostIdentity } from '../output/ecs/context.ts';
import { originOf } from '../output/ecs/read-line.ts';
import { type Outputs, openOutputs } from '../output/outputs.ts';
import { createParts, type Parts } from '../parts.ts';
import { type HostFacts, noFacts } from '../proc/facts.ts';
import { liveFacts } from '../proc/live-facts.ts';
import { replayFacts } from '../proc/record-facts.ts';
import { openRecording, recordedFacts } from '../recording/reader.ts';
import { replayTerms } from '../recording/terms.ts';
import { type ReplaySummary, replayLog, replayRecording } from '../replay.ts';
import { CaptureReplay } from '../replay-capture.ts';
import { replayEvents } from '../replay-events.ts';
import { ReplayJoins } from '../replay-joins.ts';
import { type Timed, TimedReplay } from '../replay-timed.ts';
import { TermTable } from '../rules/gates/term-table.ts';
import { formatProblem } from '../rules/problem.ts';
import { type LoadedRuleset, loadRuleset, UNKNOWN_TUNED } from '../rules-loading.ts';
import { VERSION } from '../version.ts';
import { choice, readArguments, UsageError } from './args.ts';
import { configuration } from './configuration.ts';
import { type Input, inputOf, readInput, readLogs } from './inputs.ts';
import { type Command, type Io, logFor } from './io.ts';
import { MissingFacts } from './missing-facts.ts';
import { Progress } from './progress.ts';

const SETTINGS = ['rules', 'output', 'events', 'strict', 'min-level', 'records', 'log-level', 'host-id'];
const DRAIN_MS = 60_000;
/** A replay makes garbage as fast as it reads. */
const COLLECT_EVERY_MS = 1_500;

async function replay(argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(argv, { 'fail-on': { type: 'string' } }, SETTINGS);
  if (args.operands.length === 0)
    throw new UsageError(
      'what is to be replayed? An audit.log or another log, packets, events, a recording, or - for standard input',
    );
  const failOn = choice(args, 'fail-on', LEVELS);
  const config = configuration(args, io, os.machine());
  if (config === undefined) return 2;
  const log = logFor(args, io, config.logLevel);
  const inputs = await inputsOf(args.operands);
  const rules = loadRuleset(config.rules, config.tuning);
  for (const problem of rules.problems) {
    if (problem.severity === 'error') io.err(`${formatProblem(problem)}\n`);
    else if (problem.code === UNKNOWN_TUNED) log.warning(formatProblem(problem));
  }
  if (rules.rejected > 0) {
    log.error(`${rules.rejected} rules are wrong and left out`);
    if (config.strict) return 2;
  }
  return await new Replay(config, rules, log, io, failOn).run(inputs);
}

async function inputsOf(operands: readonly string[]): Promise<Input[]> {
  if (operands.filter(operand => operand === '-').length > 1)
    throw new UsageError('standard input can be read but once');
  const inputs: Input[] = [];
  try {
    for (const operand of operands) inputs.push(await inputOf(operand));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const kinds = new Set(inputs.map(({ kind }) => kind));
  if (inputs.length > 1 && kinds.has('recording')) throw new UsageError('a recording is replayed alone');
  if (kinds.size > 1 && kinds.has('events')) {
    const apart = inputs.find(({ kind }) => kind === 'events')!.path;
    throw new UsageError(`${apart}: events are replayed without logs, which they were made of`);
  }
  return inputs;
}

class Replay {
  private readonly config: Config;
  private readonly rules: LoadedRuleset;
  private readonly log: Log;
  private readonly io: Io;
  private readonly failOn: Level | undefined;
  private readerGone = false;
  private failing = 0;
  private alerts = 0;
  private readonly missing: MissingFacts;

  constructor(config: Config, rules: LoadedRuleset, log: Log, io: Io, failOn: Level | undefined) {
    this.config = config;
    this.rules = rules;
    this.log = log;
    this.io = io;
    this.failOn = failOn;
    this.missing = new MissingFacts(rules.ruleset);
  }

  async run(inputs: readonly Input[]): Promise<number> {
    const { config, log } = this;
    const outputs = openOutputs(config.outputs, {
      minLevel: config.minLevel,
      onHeldBack: level =>
        log.info(`alerts below ${config.minLevel} are held back (the first is ${level}); --min-level shows them`),
      onProblem: (sink, error) => log.error(`${sink}: ${error.message}`),
      onClosed: () => {
        this.readerGone = outputs.allClosed;
      },
    });
    const memory = new Memory(COLLECT_EVERY_MS);
    const breathe = async (): Promise<void> => {
      outputs.pump();
      memory.tick(performance.now());
      // A slow reader makes a replay slow, and loses nothing.
      while (outputs.congested && !this.readerGone) await outputs.flush(DRAIN_MS);
      if (this.readerGone) throw new ReaderGone();
    };
    const bytes = inputs.reduce<number>((sum, input) => sum + ('bytes' in input ? input.bytes : 0), 0);
    const progress = new Progress(bytes, this.io.errIsTerminal, this.io.err);
    const onBytes = (n: number): void => progress.add(n);
    let failed = false;
    let summary: ReplaySummary | undefined;
    try {
      summary = await this.replay(inputs, outputs, onBytes, breathe);
    } catch (error) {
      if (!(error instanceof ReaderGone)) {
        failed = true;
        progress.end();
        log.error((error as Error).message);
      }
    }
    progress.end();
    outputs.pump();
    const whole = await outputs.close(DRAIN_MS);
    if (this.readerGone) return 0;
    if (summary !== undefined)
      this.tell(
        summary,
        outputs.counters().reduce((sum, c) => sum + c.heldBack, 0),
      );
    if (!whole) log.error('not every line could be written');
    return failed || !whole || this.failing > 0 ? 1 : 0;
  }

  private async replay(
    inputs: readonly Input[],
    outputs: Outputs,
    onBytes: (bytes: number) => void,
    breathe: () => Promise<void>,
  ): Promise<ReplaySummary> {
    const { config } = this;
    const recording = inputs.find(input => input.kind === 'recording')?.path;
    if (recording !== undefined) {
      return await replayRecording(recording, this.parts(outputs, await recordedOrigin(recording), false), breathe);
    }
    const files = inputs.flatMap(input => (input.kind === 'events' ? [input] : []));
    if (files.length === 0) {
      const parts = this.parts(outputs, this.originOf(this.host(), config.labels), true);
      const captures = inputs.flatMap(({ kind, path }) =>
        kind === 'capture' ? [new CaptureReplay(path, onBytes)] : [],
      );
      const joins = captures.length === 0 ? undefined : new ReplayJoins(parts);
      const give = (timed: Timed): void => ('news' in timed ? joins?.flow(timed) : parts.pipeline(timed));
      const others = timedReplay(inputs, captures, give, config.logs.maxLineBytes, onBytes);
      const { argvMaxBytes } = config.audit;
      const summary = await replayLog(readLogs(inputs, onBytes), others, joins, parts, argvMaxBytes, breathe);
      return withCaptures(summary, captures);
    }
    return await replayEvents(
      files.map(file => ({ name: file.path, pieces: readInput(file, onBytes) })),
      line => {
        const { host = this.host(), labels } = originOf(line);
        return this.parts(outputs, { ...this.originOf(host, labels), idsGiven: true }, true);
      },
      breathe,
    );
  }

  private parts(outputs: Outputs, origin: Origin, mayLack: boolean): Parts {
    const { config, rules, missing } = this;
    const { host, agent, labels, records, idsGiven, ...others } = origin;
    return createParts({
      ...others,
      outputs,
      ecs: { host, agent: { id: agent, version: VERSION }, labels, records, ...(idsGiven === true && { idsGiven }) },
      events: config.events,
      ruleset: rules.ruleset,
      correlations: rules.correlations,
      correlationBytes: config.limits.correlationBytes,
      ...(mayLack && { onEvent: event => missing.see(event) }),
      onAlert: ({ match: { rule } }) => {
        this.alerts++;
        if (this.failOn !== undefined && LEVELS.indexOf(rule.level) >= LEVELS.indexOf(this.failOn)) this.failing++;
      },
    });
  }

  private originOf(host: HostIdentity, labels: Readonly<Record<string, string>>): Origin {
    const { records, proc } = this.config;
    const { cacheEntries } = proc;
    return { host, agent: agentId(host.id), facts: noFacts, terms: new TermTable(), records, labels, cacheEntries };
  }

  /** A log is taken for this host's, or for that of --host-id. */
  private host(): HostIdentity {
    const { config } = this;
    const here = liveFacts().host();
    const id = config.host.id ?? here?.id ?? 'unknown';
    const isHere = config.host.id === undefined || config.host.id === here?.id;
    const name = config.host.name ?? (isHere ? (here?.name ?? id) : id);
    return isHere && here !== undefined ? { ...here, name } : { id, name };
  }

  private tell(summary: ReplaySummary, heldBack: number): void {
    const { log, alerts, missing } = this;
    log.info(`${summary.lines} lines, ${summary.events} events, ${alerts} alerts (${heldBack} held back by level)`);
    for (const [count, what] of summary.notes) if (count > 0) log.info(`${count} ${what}`);
    for (const [count, what] of summary.odd) if (count > 0) log.warning(`${count} ${what}`);
    for (const line of missing.report()) log.info(line);
    if (this.failing > 0) log.error(`${this.failing} alerts of level ${this.failOn} or above`);
  }
}

class ReaderGone extends Error {}

interface Origin {
  readonly host: HostIdentity;
  readonly agent: string;
  readonly facts: HostFacts;
  readonly terms: TermStore;
  readonly records: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly cacheEntries: number;
  readonly idsGiven?: boolean;
}

async function recordedOrigin(path: string): Promise<Origin> {
  const { header } = await openRecording(path);
  const lines = recordedFacts(path);
  const { host, agentId: agent, records, labels, cacheEntries } = header;
  const facts = replayFacts(lines);
  const terms = replayTerms(lines, new TermTable());
  return { host, agent, facts, terms, records, labels, cacheEntries };
}

function withCaptures(summary: ReplaySummary, captures: readonly CaptureReplay[]): ReplaySummary {
  const packets = captures.reduce((sum, capture) => sum + capture.packets, 0);
  const cut = captures.flatMap(({ problem }): [number, string][] =>
    problem === undefined ? [] : [[1, `capture ended early: ${problem}`]],
  );
  return {
    ...summary,
    notes: [...summary.notes, [packets, 'packets']],
    odd: [...summary.odd, ...cut],
  };
}

function timedReplay(
  inputs: readonly Input[],
  captures: readonly CaptureReplay[],
  give: (timed: Timed) => void,
  maxLineBytes: number,
  onBytes: (bytes: number) => void,
): TimedReplay | undefined {
  const files = inputs.flatMap(input => (input.kind === 'lines' ? [input] : []));
  if (files.length + captures.length === 0) return undefined;
  return new TimedReplay(files, captures, maxLineBytes, give, onBytes);
}

export const replayCommand: Command = {
  summary: 'give the verdicts on logs, events or a recording',
  help: `puppy-hids replay [--rules PATH]... [--events] [--host-id ID] [--fail-on LEVEL] [--output SPEC]... INPUT...

Evaluates what was written before, with the same results as live. Needs no privileges.

  INPUT               audit.log files, plain or gzip, oldest first; the host's other logs (auth.log, syslog), which are told by
                      their content and put in between by time; packets (.pcap, .pcapng) likewise, joined with the calls of an
                      audit.log beside them; or
                      events that an agent wrote (--events; .jsonl), plain or gzip, of any hosts, to be judged by other rules;
                      a folder made with --record; or - for standard input
  --rules PATH        a rule file or a folder; repeatable
  --host-id ID        the log is another host's: event ids and host.id are its own (events say themselves whose they are)
  --fail-on LEVEL     exit 1 when an alert of this level or above was found
  --min-level LEVEL   alerts below are held back and counted (default medium)
  --events            every event is a line, not only alerts
  --records           the audit records on every line
  --output SPEC       stdout (default) or file:PATH
  --strict            refuse wrong rules

Events keep their ids: what alerts now as it did then has the same event.id. Rules of auditd need lines with --records.
A bare log doesn't hold everything that the live agent saw: which rules lacked facts is told at the end on stderr.
`,
  run: replay,
};

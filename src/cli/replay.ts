// `replay`: the verdicts that a live agent would have given, from a log or a recording.

import os from 'node:os';
import type { Config } from '../config/config.ts';
import { LEVELS, type Level } from '../core/event.ts';
import { agentId } from '../identity.ts';
import type { Log } from '../log.ts';
import { Memory } from '../memory.ts';
import { openOutputs } from '../output/outputs.ts';
import { createParts } from '../parts.ts';
import type { Pipeline } from '../pipeline.ts';
import { type HostFacts, noFacts } from '../proc/facts.ts';
import { liveFacts } from '../proc/live-facts.ts';
import { replayFacts } from '../proc/record-facts.ts';
import { openRecording, recordedFacts } from '../recording/reader.ts';
import { replayTerms } from '../recording/terms.ts';
import { type ReplaySummary, replayLog, replayRecording } from '../replay.ts';
import { LineReplay } from '../replay-lines.ts';
import { TermTable } from '../rules/gates/term-table.ts';
import { formatProblem } from '../rules/problem.ts';
import { type LoadedRuleset, loadRuleset, UNKNOWN_TUNED } from '../rules-loading.ts';
import { VERSION } from '../version.ts';
import { readArguments, UsageError } from './args.ts';
import { configuration } from './configuration.ts';
import { type Input, inputOf, readLogs } from './inputs.ts';
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
    throw new UsageError('what is to be replayed? An audit.log or another log, a recording, or - for standard input');
  const failOn = args.flags['fail-on'] as Level | undefined;
  if (failOn !== undefined && !LEVELS.includes(failOn))
    throw new UsageError(`--fail-on: "${failOn}" is not one of ${LEVELS.join(', ')}`);
  const config = configuration(args, io, os.machine());
  if (config === undefined) return 2;
  const log = logFor(args, io, config.logLevel);
  let inputs: Input[];
  try {
    inputs = args.operands.map(inputOf);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (inputs.length > 1 && inputs.some(input => input.kind === 'recording')) {
    throw new UsageError('a recording is replayed alone');
  }
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

class Replay {
  private readonly config: Config;
  private readonly rules: LoadedRuleset;
  private readonly log: Log;
  private readonly io: Io;
  private readonly failOn: Level | undefined;
  private readerGone = false;
  private failing = 0;

  constructor(config: Config, rules: LoadedRuleset, log: Log, io: Io, failOn: Level | undefined) {
    this.config = config;
    this.rules = rules;
    this.log = log;
    this.io = io;
    this.failOn = failOn;
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
    const missing = new MissingFacts(this.rules.ruleset);
    const recording = inputs[0]?.kind === 'recording' ? inputs[0].path : undefined;
    const { host, agent, facts, terms, records, labels, cacheEntries } = await this.origin(recording);
    const parts = createParts({
      facts,
      terms,
      cacheEntries,
      outputs,
      ecs: { host, agent: { id: agent, version: VERSION }, labels, records },
      events: config.events,
      ruleset: this.rules.ruleset,
      correlations: this.rules.correlations,
      correlationBytes: config.limits.correlationBytes,
      ...(recording === undefined && { onEvent: event => missing.see(event) }),
      onAlert: ({ match: { rule } }) => {
        if (this.failOn !== undefined && LEVELS.indexOf(rule.level) >= LEVELS.indexOf(this.failOn)) this.failing++;
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
    const bytes = inputs.reduce((sum, input) => sum + ('bytes' in input ? input.bytes : 0), 0);
    const progress = new Progress(bytes, this.io.errIsTerminal, this.io.err);
    let failed = false;
    let summary: ReplaySummary | undefined;
    try {
      summary =
        recording === undefined
          ? await replayLog(
              readLogs(inputs, n => progress.add(n)),
              lineReplay(inputs, parts.pipeline, config.logs.maxLineBytes, n => progress.add(n)),
              parts,
              config.audit.argvMaxBytes,
              breathe,
            )
          : await replayRecording(recording, parts, breathe);
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
        parts.counters.alerts,
        outputs.counters().reduce((sum, c) => sum + c.heldBack, 0),
        missing,
      );
    if (!whole) log.error('not every line could be written');
    return failed || !whole || this.failing > 0 ? 1 : 0;
  }

  /** Where the input is from: a recording says; a log is taken for this host's, or for that of --host-id. */
  private async origin(recording: string | undefined) {
    const { config } = this;
    if (recording !== undefined) {
      const { header } = await openRecording(recording);
      const lines = recordedFacts(recording);
      const facts: HostFacts = replayFacts(lines);
      const terms = replayTerms(lines, new TermTable());
      const { host, agentId: agent, records, labels, cacheEntries } = header;
      return { host, agent, facts, terms, records, labels, cacheEntries };
    }
    const here = liveFacts().host();
    const id = config.host.id ?? here?.id ?? 'unknown';
    const isHere = config.host.id === undefined || config.host.id === here?.id;
    const name = config.host.name ?? (isHere ? (here?.name ?? id) : id);
    const host = isHere && here !== undefined ? { ...here, name } : { id, name };
    return {
      host,
      agent: agentId(id),
      facts: noFacts,
      terms: new TermTable(),
      records: config.records,
      labels: config.labels,
      cacheEntries: config.proc.cacheEntries,
    };
  }

  private tell(summary: ReplaySummary, alerts: number, heldBack: number, missing: MissingFacts): void {
    const { log } = this;
    log.info(`${summary.lines} lines, ${summary.events} events, ${alerts} alerts (${heldBack} held back by level)`);
    const odd = [
      [summary.missing, 'events are missing (gaps in the serial numbers)'],
      [summary.incomplete, 'events are incomplete'],
      [summary.notAudit, 'lines are no audit records'],
      [summary.unknownType, 'records are of an unknown type'],
      [summary.tooLong, 'lines are too long'],
    ] as const;
    for (const [count, what] of odd) if (count > 0) log.warning(`${count} ${what}`);
    for (const line of missing.report()) log.info(line);
    if (this.failing > 0) log.error(`${this.failing} alerts of level ${this.failOn} or above`);
  }
}

class ReaderGone extends Error {}

function lineReplay(
  inputs: readonly Input[],
  pipeline: Pipeline,
  maxLineBytes: number,
  onBytes: (bytes: number) => void,
): LineReplay | undefined {
  const files = inputs.flatMap(input => (input.kind === 'lines' ? [input] : []));
  return files.length === 0 ? undefined : new LineReplay(files, maxLineBytes, pipeline, onBytes);
}

export const replayCommand: Command = {
  summary: 'give the verdicts on a log or a recording',
  help: `puppy-hids replay [--rules PATH]... [--events] [--host-id ID] [--fail-on LEVEL] [--output SPEC]... INPUT...

Evaluates what was written before, with the same results as live. Needs no privileges.

  INPUT               audit.log files, plain or gzip, oldest first; the host's other logs (auth.log, syslog), which are told by
                      their content and put in between by time; a folder made with --record; or - for standard input
  --rules PATH        a rule file or a folder; repeatable
  --host-id ID        the log is another host's: event ids and host.id are its own
  --fail-on LEVEL     exit 1 when an alert of this level or above was found
  --min-level LEVEL   alerts below are held back and counted (default medium)
  --events            every event is a line, not only alerts
  --records           the audit records on every line
  --output SPEC       stdout (default) or file:PATH
  --strict            refuse wrong rules

A bare log doesn't hold everything that the live agent saw: which rules lacked facts is told at the end on stderr.
`,
  run: replay,
};

// `run`: the live agent.

import os from 'node:os';
import { Agent } from '../agent.ts';
import { AuditError } from '../audit/control.ts';
import { type Config, enabledSources } from '../config/config.ts';
import type { Loaded } from '../config/load.ts';
import type { Log } from '../log.ts';
import { type Capability, missingCapabilities } from '../proc/listeners.ts';
import type { Running } from '../reload.ts';
import { formatProblem } from '../rules/problem.ts';
import { loadRuleset, UNKNOWN_TUNED } from '../rules-loading.ts';
import { readArguments, UsageError } from './args.ts';
import { readConfiguration } from './configuration.ts';
import { type Command, type Io, logFor } from './io.ts';

/** What to do where audit can't be had. */
const WITHOUT_AUDIT = ', or without audit: --source fsnotify,logs';

const SETTINGS = [
  'rules',
  'output',
  'events',
  'source',
  'audit-mode',
  'strict',
  'min-level',
  'record',
  'records',
  'log-level',
  'host-id',
];

async function run(argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(argv, {}, SETTINGS);
  if (args.operands.length > 0)
    throw new UsageError(`unexpected "${args.operands[0]}": rules are given as --rules PATH`);
  const reread = (): Loaded => readConfiguration(args, io, os.machine());
  const { config, settings, problems } = reread();
  for (const problem of problems) io.err(`${formatProblem(problem)}\n`);
  if (config === undefined || settings === undefined) return 2;
  const log = logFor(args, io, config.logLevel);
  if (io.env.BUN_OPTIONS !== undefined) {
    log.error('BUN_OPTIONS is set: it would let the environment change what the agent runs. Unset it');
    return 2;
  }
  const lacking = lackingCapabilities(config, log);
  if (lacking !== undefined) return lacking;
  const rules = loadRuleset(config.rules, config.tuning, enabledSources(config));
  for (const problem of rules.problems) {
    if (problem.severity === 'error') io.err(`${formatProblem(problem)}\n`);
    else log[problem.code === UNKNOWN_TUNED ? 'warning' : 'debug'](formatProblem(problem));
  }
  const warnings = rules.problems.filter(problem => problem.severity === 'warning').length;
  if (warnings > 0) log.info(`${warnings} warnings about rules; "puppy-hids check" shows them`);
  if (rules.rejected > 0) {
    if (config.strict) {
      log.error(`${rules.rejected} rules are wrong, and --strict is given`);
      return 2;
    }
    log.error(`${rules.rejected} rules are wrong and left out; "puppy-hids check" shows why`);
  }
  return await live({ configuration: { config, settings }, rules }, reread, log);
}

function lackingCapabilities(config: Config, log: Log): number | undefined {
  const sources = enabledSources(config);
  const hasAudit = sources.includes('audit');
  const hasFiles = sources.includes('fsnotify');
  const needed: Capability[] = [
    ...(hasAudit ? (['AUDIT_READ'] as const) : []),
    ...(hasAudit && config.audit.mode !== 'observe' ? (['AUDIT_CONTROL'] as const) : []),
    ...(hasFiles && config.fsnotify.backend === 'fanotify' ? (['SYS_ADMIN'] as const) : []),
  ];
  const missing = missingCapabilities(needed);
  if (missing.length > 0) {
    const names = missing
      .map(name => `CAP_${name}`)
      .sort()
      .join(' and ');
    const others = missing.includes('SYS_ADMIN') ? '' : WITHOUT_AUDIT;
    log.error(
      `not permitted: ${names} ${missing.length === 1 ? 'is' : 'are'} missing. Run it as root: sudo ./puppy-hids --rules rules.d${others}`,
    );
    return 3;
  }
  const wanted = missingCapabilities(['NET_ADMIN', 'SYS_PTRACE', 'DAC_READ_SEARCH', 'DAC_OVERRIDE']);
  if (hasAudit && wanted.includes('NET_ADMIN'))
    log.warning('CAP_NET_ADMIN is missing: the socket buffer stays small, and bursts are lost (counted)');
  if (wanted.includes('SYS_PTRACE'))
    log.warning("CAP_SYS_PTRACE is missing: what other users' processes run can't be read from /proc");
  if (hasFiles && wanted.includes('DAC_READ_SEARCH') && wanted.includes('DAC_OVERRIDE'))
    log.warning("CAP_DAC_READ_SEARCH is missing: files that the agent's user can't read are neither found nor hashed");
  return undefined;
}

async function live(running: Running, reread: () => Loaded, log: Log): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; reason: string }>();
  let agent: Agent;
  try {
    agent = new Agent(running, reread, log, code => resolve({ code, reason: code === 0 ? 'asked to' : 'failure' }));
  } catch (error) {
    log.error((error as Error).message);
    return 1;
  }
  const crash = (error: unknown): void => {
    log.error(
      `a mistake of the agent, which ends: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    try {
      agent.restoreKernel();
    } finally {
      process.exit(1);
    }
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  process.on('SIGTERM', () => resolve({ code: 0, reason: 'SIGTERM' }));
  process.on('SIGINT', () => resolve({ code: 0, reason: 'SIGINT' }));
  // What comes of it is in the log.
  process.on(
    'SIGHUP',
    () => void agent.reload().catch(error => log.error(`not reloaded: ${(error as Error).message}`)),
  );
  process.on('SIGUSR1', () => agent.heartbeat());
  try {
    agent.start();
  } catch (error) {
    const { code, message } = startFailure(error);
    log.error(message);
    await agent.stop('could not start');
    return code;
  }
  const { code, reason } = await promise;
  await agent.stop(reason);
  return code;
}

function startFailure(error: unknown): { code: number; message: string } {
  if (!(error instanceof AuditError)) return { code: 1, message: (error as Error).message };
  switch (error.code) {
    case 'EPERM':
    case 'EACCES':
      return {
        code: 3,
        message: `${error.message}: not permitted. The agent needs CAP_AUDIT_CONTROL and CAP_AUDIT_READ in the initial pid and user namespace; in a container only --audit-mode observe can work${WITHOUT_AUDIT}`,
      };
    case 'ECONNREFUSED':
    case 'EPROTONOSUPPORT':
      return {
        code: 1,
        message: `${error.message}: this kernel has no audit (CONFIG_AUDIT), or the network namespace is not the initial one${WITHOUT_AUDIT}`,
      };
    case 'EEXIST':
      return {
        code: 1,
        message: `${error.message}: another process is the audit daemon; use --audit-mode share${WITHOUT_AUDIT}`,
      };
    default:
      return { code: 1, message: error.message };
  }
}

export const runCommand: Command = {
  summary: 'watch this host (the default command)',
  help: `puppy-hids [run] [--rules PATH]... [--config FILE] [--output SPEC]... [--events] [--source NAME,...]
                 [--audit-mode MODE] [--strict] [--min-level LEVEL] [--record DIR] [--records]

Watches this host and writes alerts as JSON Lines. Needs root (without audit, whatever lets it read the files and logs).

  --rules PATH        a rule file, or a folder of them; repeatable. Without it: /etc/puppy-hids/rules.d, else --rules builtin
  --config FILE       configuration; without it /etc/puppy-hids/puppy-hids.yaml if it is there ("puppy-hids help config")
  --output SPEC       stdout (default) or file:PATH, with settings: file:/var/log/alerts.jsonl?min_level=high&kind=alert; repeatable
  --min-level LEVEL   alerts below are held back and counted: informational, low, medium (default), high, critical
  --events            every event is a line, not only alerts
  --records           the audit records on every line
  --audit-mode MODE   auto (default), own, share (beside auditd), observe (adds no rules)
  --source NAME,...   which sources may run: audit, fsnotify (files), logs, pcap (DNS); all without it. What isn't named is neither started
                      nor needs permissions; rules that need it are told as such
  --strict            refuse to start when a rule is wrong
  --record DIR        record what the sources gave, for "puppy-hids replay DIR"
  --host-id ID        host.id in events; without it /etc/machine-id
  --log-level LEVEL   what is told on stderr: error, warning, info (default), debug
  -q, --quiet         only errors on stderr
  --color WHEN        auto, always, never

Signals: SIGTERM and SIGINT stop it (the kernel's audit state is restored), SIGHUP reads rules and configuration again
and reopens files (as "puppy-hids reload" does, which tells what came of it),
SIGUSR1 writes a heartbeat. Exit codes: 0 done, 1 failure, 2 usage, configuration or rules, 3 not permitted.
`,
  run,
};

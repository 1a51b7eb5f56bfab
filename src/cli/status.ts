// `status`: how the running agent is.

import { parseSize } from '../core/units.ts';
import { printable } from '../log.ts';
import type { Status } from '../status.ts';
import { agentAnswer } from './agent-answer.ts';
import { choice, readArguments, UsageError } from './args.ts';
import type { Command, Io } from './io.ts';

const TIMEOUT_MS = 10_000;
const MIB = parseSize('1MiB')!;

async function run(argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(argv, { format: { type: 'string' } }, []);
  if (args.operands.length > 0) throw new UsageError(`unexpected "${args.operands[0]}"`);
  const format = choice(args, 'format', ['text', 'json']) ?? 'text';
  const asked = await agentAnswer<Status>(args, io, 'status', TIMEOUT_MS);
  if ('exitCode' in asked) return asked.exitCode;
  io.out(format === 'json' ? `${JSON.stringify(asked.answer, null, 2)}\n` : statusText(asked.answer));
  return 0;
}

export function statusText({ version, pid, sources, mode, kernelRules, rules, fired, counters }: Status): string {
  const get = (...path: string[]): number => number(counters, path);
  const losses = [
    [get('audit', 'missing'), 'events in the socket'],
    [get('audit', 'incomplete'), 'events incomplete'],
    [get('audit', 'kernelLost'), 'records in the kernel, at most'],
    [get('audit', 'recordsDropped'), 'records beyond bounds'],
    [get('audit', 'ringDropped'), 'events before the agent took them'],
    [get('files', 'overflows'), 'times file events in the kernel'],
    [get('files', 'dropped'), 'file events before the agent took them'],
    [get('logs', 'dropped'), 'log lines'],
  ] as const;
  const lost = losses.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const events = [
    ...('audit' in counters ? [`${get('audit', 'events')} from audit`] : []),
    ...('files' in counters ? [`${get('files', 'told')} of files`] : []),
    ...('logs' in counters ? [`${get('logs', 'lines')} lines of logs`] : []),
    `${get('pipeline', 'alerts')} alerts`,
  ];
  const lines: [string, string][] = [
    [
      'agent',
      `puppy-hids ${version}, pid ${pid}, ${mode === undefined ? 'without audit' : `mode ${mode}`}, up ${duration(get('uptime_s'))}`,
    ],
    ['rules', `${rules.loaded} loaded, ${rules.canFire} can fire, ${rules.rejected} rejected`],
    ['sources', sources.length === 0 ? 'none' : sources.join(', ')],
    ...(kernelRules === undefined ? [] : [['kernel', `${kernelRules} audit rules of the agent's`] as [string, string]]),
    ['events', events.join(', ')],
    ['lost', lost.length === 0 ? 'nothing' : lost.join(', ')],
    ...outputs(counters),
    ['memory', `${(get('memory', 'rss_bytes') / MIB).toFixed(0)} MiB`],
    ['cpu', `${((get('cpu', 'user_ms') + get('cpu', 'system_ms')) / 1000).toFixed(1)} s`],
    ...fired.map(({ count, title, id }): [string, string] => ['fired', `${count} times ${title} (${id})`]),
  ];
  return lines.map(([name, text]) => `${name.padEnd(8)} ${printable(text).replaceAll('\n', ' ')}\n`).join('');
}

function outputs(counters: Status['counters']): [string, string][] {
  return Object.keys((counters.outputs ?? {}) as object).map(name => {
    const get = (what: string): number => number(counters, ['outputs', name, what]);
    const dropped = get('dropped') > 0 ? `, ${get('dropped')} dropped` : '';
    return ['output', `${name}: ${get('written')} lines, ${get('heldBack')} alerts held back by level${dropped}`];
  });
}

function number(tree: unknown, path: readonly string[]): number {
  let value = tree;
  for (const key of path) value = (value as Readonly<Record<string, unknown>> | undefined)?.[key];
  return typeof value === 'number' ? value : 0;
}

function duration(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

export const statusCommand: Command = {
  summary: 'how the running agent is: mode, rules, losses, outputs, memory',
  help: `puppy-hids status [--config FILE] [--format text|json]

Asks the running agent over its socket; give the --config that it was started with. JSON has all of a heartbeat's counters.
Exit codes: 0 done; 1 no agent; 2 the configuration is wrong; 3 not permitted.
`,
  run,
};

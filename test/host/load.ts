// Executions that alone are audited: a login of their own, and a host rule that keeps every other process out. So what the agent
// counts can be compared with what was done, exactly, on a machine where other things run too.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AgentRun, at, helper, hostRule } from './agent.ts';

const LOGIN = 424242;

/** Puts the rule first of all; the file's guard takes it away. */
export function auditNobodyElse(): void {
  hostRule('-A', 'exit,never', '-S', 'all', '-F', `auid!=${LOGIN}`);
}

export interface Load {
  /** Begins; resolves with what the helper printed. */
  go(): Promise<Readonly<Record<string, number>>>;
}

/** A helper's scenario that waits, its login set already; `go` makes one execution more than the scenario itself. */
export async function load(...args: readonly (string | number)[]): Promise<Load> {
  const script = `echo ${LOGIN} > /proc/self/loginuid && echo ready && read go && exec "$0" "$@"`;
  const child = spawn('/bin/sh', ['-c', script, helper(), ...args.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  await once(child.stdout, 'data');
  return {
    async go() {
      child.stdin.write('\n');
      const [code] = await once(child, 'close');
      if (code !== 0) throw new Error(`the load ended with ${code}`);
      const pairs = out.split('\n').filter(line => line.includes(' '));
      return Object.fromEntries(pairs.map(line => [line.split(' ')[0]!, Number(line.split(' ')[1])]));
    },
  };
}

export type Counters = Readonly<Record<string, number>>;

/** The audit counters of a heartbeat that is asked for now. */
export async function counters(run: AgentRun): Promise<Counters> {
  const before = run.of('heartbeat').length;
  run.signal('SIGUSR1');
  const line = await run.until('a heartbeat', () => run.of('heartbeat')[before], 30_000);
  return at(line, 'puppy.heartbeat.audit') as Counters;
}

/** How long an event may be incomplete, and a serial number late, before the agent judges; and some. */
const SLACK_MS = 2_500;

/** Counters once nothing has moved for longer than the agent waits for what is late. */
export async function settled(run: AgentRun): Promise<Counters> {
  const moving = ['events', 'missing', 'records'];
  let last = await counters(run);
  for (let since = performance.now(); performance.now() - since < SLACK_MS; ) {
    await Bun.sleep(500);
    const now = await counters(run);
    if (moving.some(name => now[name] !== last[name])) since = performance.now();
    last = now;
  }
  return last;
}

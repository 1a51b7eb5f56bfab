// The agent in a copy of the host (programs/world.sh) in which rules are broken for real: nothing of it reaches the host, nothing of the
// host's other work reaches it, and it ends with the agent.

import { expect } from 'bun:test';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type AgentRun, agent, at, type Line, type RunOptions, scratch, text } from './agent.ts';

export interface World {
  readonly run: AgentRun;
  /** Runs a shell in it, which has to succeed. */
  does(script: string, env?: Readonly<Record<string, string>>): Promise<void>;
  /** Alerts of files in the world, and of what {@link does} started: not those of the host's other processes. */
  alerts(): Line[];
  /** Waits until everything that was done is told. */
  quiet(): Promise<void>;
}

/** `setup` is what there is before the agent starts. */
export async function world(setup: string, options: RunOptions): Promise<World> {
  const run = await agent({ ...options, wrap: [join(import.meta.dir, 'programs/world.sh'), setup, scratch] });
  await run.until('watching', () => run.log().includes('files: watching'));
  await run.until('the baseline', () => run.log().includes('the baseline holds'), 60_000);

  const does = async (script: string, env: Readonly<Record<string, string>> = {}): Promise<void> => {
    const args = ['--target', String(run.pid), '--mount', '--', 'sh', '-euc', script];
    const child = spawn('nsenter', args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', piece => (said += piece));
    const code = await new Promise(done => child.on('close', done));
    expect(code, `${script}: ${said}`).toBe(0);
  };

  const isOurs = (line: Line): boolean =>
    text(line, 'event.module') === 'fsnotify' ||
    ((at(line, 'puppy.ancestors') as Line[] | undefined) ?? []).some(one => at(one, 'pid') === process.pid);

  let ends = 0;
  const quiet = async (): Promise<void> => {
    // Events of files keep their order, and what audit told before is told before.
    const last = `/etc/cron.d/end-${ends++}`;
    await does(`echo '# end' > ${last}`);
    await run.until('the end', () => run.lines().some(line => text(line, 'file.path') === last));
    await Bun.sleep(500);
  };

  return { run, does, quiet, alerts: () => run.alerts().filter(isOurs) };
}

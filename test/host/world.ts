// The agent in a copy of the host (programs/world.sh) in which rules are broken for real: nothing of it reaches the host, nothing of the
// host's other work reaches it, and it ends with the agent.

import { expect } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentRun, agent, at, folder, type Line, RULES, type RunOptions, scratch, text } from './agent.ts';

export interface World {
  readonly run: AgentRun;
  /** Runs a shell in it, which has to succeed. */
  does(script: string, env?: Readonly<Record<string, string>>): Promise<void>;
  /** Alerts of files in the world, and of what {@link does} started: not those of the host's other processes. */
  alerts(): Line[];
  /** Waits until everything that was done is told. */
  quiet(): Promise<void>;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** `setup` is what there is before the agent starts. */
export async function world(setup: string, options: RunOptions): Promise<World> {
  const scriptsDir = folder();
  const fifo = join(scratch, 'world');
  rmSync(fifo, { force: true });
  execFileSync('mkfifo', [fifo]);
  // As long as it's open the world's shell waits for more; with this process it ends too.
  const scripts = openSync(fifo, 'r+');
  // Wherever the rules are: the host's /tmp isn't there.
  const rules = join(scriptsDir, 'rules');
  cpSync(options.rules ?? RULES, rules, { recursive: true });
  const run = await agent({ ...options, rules, wrap: [join(import.meta.dir, 'programs/world.sh'), setup, scratch] });
  await run.until('watching', () => run.log().includes('files: watching'));
  await run.until('the baseline', () => run.log().includes('the baseline holds'), 60_000);

  let count = 0;
  const does = async (script: string, env: Readonly<Record<string, string>> = {}): Promise<void> => {
    const path = join(scriptsDir, `script-${count++}`);
    const given = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}\n`);
    writeFileSync(path, `${given.join('')}${script}\n`);
    writeSync(scripts, `${path}\n`);
    await run.until(script, () => existsSync(`${path}.code`), 30_000);
    const said = readFileSync(`${path}.said`, 'utf8');
    expect(readFileSync(`${path}.code`, 'utf8').trim(), `${script}: ${said}`).toBe('0');
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

// Debian's audit daemon beside the agent, with a configuration and a log of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditStatus, folder } from './agent.ts';

const running = new Set<Auditd>();

export class Auditd {
  readonly log: string;
  private readonly directory: string;
  private child: ChildProcess | undefined;

  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.directory = folder();
    chmodSync(this.directory, 0o700);
    this.log = join(this.directory, 'audit.log');
    const conf = {
      log_file: this.log,
      log_group: 'root',
      write_logs: 'yes',
      plugin_dir: join(this.directory, 'plugins.d'),
      ...settings,
    };
    cpSync('/etc/audit', this.directory, { recursive: true });
    const lines = readFileSync('/etc/audit/auditd.conf', 'utf8')
      .split('\n')
      .filter(line => !Object.keys(conf).some(name => line.startsWith(`${name} =`)));
    for (const [name, value] of Object.entries(conf)) lines.push(`${name} = ${value}`);
    writeFileSync(join(this.directory, 'auditd.conf'), `${lines.join('\n')}\n`, { mode: 0o640 });
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Starts it; true when it holds the kernel's audit pid, false when it ended (the code is in {@link exitCode}). */
  async start(): Promise<boolean> {
    const child = spawn('auditd', ['-n', '-c', this.directory], { stdio: 'ignore' });
    this.child = child;
    running.add(this);
    for (let i = 0; i < 200; i++) {
      if (child.exitCode !== null) {
        running.delete(this);
        return false;
      }
      if (auditStatus().pid === child.pid) return true;
      await Bun.sleep(25);
    }
    throw new Error('auditd neither took the audit pid nor ended');
  }

  get exitCode(): number | null {
    return this.child?.exitCode ?? null;
  }

  lines(): string[] {
    return readFileSync(this.log, 'utf8').split('\n');
  }

  async stop(): Promise<void> {
    const { child } = this;
    running.delete(this);
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGTERM');
    await Promise.race([once(child, 'exit'), Bun.sleep(5_000)]);
  }
}

/** For the end of a test that failed in between. */
export async function stopAuditd(): Promise<void> {
  for (const daemon of running) await daemon.stop();
}

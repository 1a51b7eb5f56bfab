// What watches files in the benchmark: nothing, inotifywait, the agent by fanotify and by inotify, all of them the same files; and the
// agent without its file watcher.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelState } from './kernel.ts';
import { BUILD, type Operation } from './programs.ts';
import { end, filesCompared, heartbeatCounters, startAgent, stopAgent, textOf, tracked, until } from './readers.ts';

export const INOTIFYWAIT = '/usr/bin/inotifywait';
/** The names that a table compares with. */
export const NOTHING = 'nothing';
export const INOTIFYWAIT_NAME = 'inotifywait -m -r';
const WATCHED_LIMIT_MS = 120_000;
/** What the agent asks for as well. Without `-e` it would tell every file that is opened or read, too. */
const EVENTS = 'modify,attrib,close_write,move,create,delete';
const NOTHING_ELSE: FilesSeen = { told: 0, lost: 0, isBehind: false, hashed: 0, auditEvents: 0 };

/** Totals since its start. */
export interface FilesSeen {
  /** In its own words: lines, or changes. */
  readonly told: number;
  /** Overflows, and changes told without what the file is. */
  readonly lost: number;
  /** Something waits to be told. */
  readonly isBehind: boolean;
  readonly hashed: number;
  readonly auditEvents: number;
}

export interface Watcher {
  readonly pid: number;
  /** From its start until everything was watched. */
  readonly watchedMs?: number;
  readonly files?: number;
  readonly directories?: number;
  /** What it tells of one operation, where it doesn't say itself what it lost. */
  readonly least?: (operation: Operation) => number;
  seen(): Promise<FilesSeen>;
  stop(): Promise<void>;
}

export interface WatchConfiguration {
  readonly name: string;
  /** Undefined: nobody watches, and nothing is audited. */
  start(kernel: KernelState): Promise<Watcher | undefined>;
}

export interface AgentFiles {
  readonly rules: readonly string[];
  readonly backend: 'fanotify' | 'inotify';
  /** Directories, with all beneath. */
  readonly paths: readonly string[];
  /** A state directory with their baseline; a copy of it is used. */
  readonly stateDir: string;
}

export const nobody: WatchConfiguration = {
  name: NOTHING,
  start: async kernel => {
    kernel.off();
    return undefined;
  },
};

/** For the agent's configuration: all that is read at full speed, and no limit on memory that would end it before it is measured. */
export function fsnotifyConfig(paths: readonly string[], more: Readonly<Record<string, unknown>> = {}): string {
  const patterns = paths.map(path => `${path}/**`);
  const settings = { enabled: true, containers: false, hash_rate: '65536MiB', exclude: [], paths: patterns, ...more };
  return `limits: {memory: 2GiB}\nfsnotify: ${JSON.stringify(settings)}\n`;
}

export function agentWatching(name: string, options: AgentFiles): WatchConfiguration {
  return {
    name,
    start: async () => {
      const stateDir = join(BUILD, 'files/agent-state');
      rmSync(stateDir, { recursive: true, force: true });
      cpSync(options.stateDir, stateDir, { recursive: true });
      const config = fsnotifyConfig(options.paths, { backend: options.backend });
      const agent = await startAgent({ rules: options.rules, stateDir, config });
      const isWatching = (): true | undefined => (agent.log().includes('files: watching ') ? true : undefined);
      await until(`watching files (${name})`, isWatching, WATCHED_LIMIT_MS);
      const watchedMs = performance.now() - agent.startedMs;
      await filesCompared(agent, WATCHED_LIMIT_MS);
      const { files, directories } = (await heartbeatCounters(agent)).files ?? {};
      return {
        pid: agent.child.pid,
        watchedMs,
        ...(files !== undefined && { files }),
        ...(directories !== undefined && { directories }),
        seen: async () => {
          const { files: counters, audit } = await heartbeatCounters(agent);
          if (counters === undefined) throw new Error(`${name} doesn't watch files`);
          const { told, overflows, dropped, hurried, waiting, inspected } = counters;
          const lost = overflows + dropped + hurried;
          const { hashed } = inspected;
          return { told, lost, isBehind: waiting > 0, hashed, auditEvents: audit.events };
        },
        stop: () => stopAgent(agent),
      };
    },
  };
}

/** The agent without its file watcher: what it costs anyway. */
export function agentWithoutFiles(rules: readonly string[]): WatchConfiguration {
  return {
    name: 'agent, no files',
    start: async () => {
      const agent = await startAgent({ rules, config: 'fsnotify: {enabled: false}\n' });
      return {
        pid: agent.child.pid,
        seen: async () => {
          const { audit } = await heartbeatCounters(agent);
          return { ...NOTHING_ELSE, auditEvents: audit.events };
        },
        stop: () => stopAgent(agent),
      };
    },
  };
}

export function inotifywait(paths: readonly string[]): WatchConfiguration {
  return {
    name: INOTIFYWAIT_NAME,
    start: async kernel => {
      kernel.off();
      const directory = join(BUILD, 'files/inotifywait');
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { recursive: true });
      const [out, log] = [join(directory, 'out'), join(directory, 'stderr')];
      const startedMs = performance.now();
      const child = tracked(
        Bun.spawn([INOTIFYWAIT, '-m', '-r', '-e', EVENTS, ...paths], {
          stdin: 'ignore',
          stdout: Bun.file(out),
          stderr: Bun.file(log),
        }),
      );
      const isReady = (): true | undefined => {
        if (child.exitCode !== null) throw new Error(`inotifywait ended: ${textOf(log)}`);
        return textOf(log).includes('Watches established') ? true : undefined;
      };
      await until('watching files (inotifywait)', isReady, WATCHED_LIMIT_MS);
      const watchedMs = performance.now() - startedMs;
      return {
        pid: child.pid,
        watchedMs,
        // Created, written, closed; moved from and to, deleted.
        least: operation => (operation === 'file' ? 6 : 3),
        seen: async () => {
          const bytes = statSync(out).size;
          await Bun.sleep(50);
          const told = textOf(out).split('\n').length - 1;
          return { ...NOTHING_ELSE, told, isBehind: statSync(out).size > bytes };
        },
        stop: () => end(child),
      };
    },
  };
}

/** inotify's and fanotify's marks that a process holds; each of inotify's keeps an inode in the kernel's memory. */
export function kernelMarks(pid: number): number {
  let marks = 0;
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    const info = textOf(`/proc/${pid}/fdinfo/${fd}`);
    if (info.includes('notify ')) marks += info.match(/^(?:inotify wd|fanotify (?:ino|mnt_id|sdev)):/gm)?.length ?? 0;
  }
  return marks;
}

/** Of the whole machine. */
export function slabMib(): number {
  return Number(/^SUnreclaim:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? 0) / 1024;
}

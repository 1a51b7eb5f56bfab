// Reading and hashing a tree: the agent's baseline against aide and sha256sum, all from the page cache, in turn.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fsnotifyConfig } from './files-watchers.ts';
import { cpuSeconds, peakRssMib } from './measure.ts';
import { AGENT, BUILD } from './programs.ts';
import { filesCompared, startAgent, stopAgent, tracked, until } from './readers.ts';

export const AIDE = '/usr/bin/aide';
const FILL_LIMIT_MS = 300_000;
const SMALL_BYTES = 4 * 1024;
const LARGE_BYTES = 10 * 1024 * 1024;
const LOOK_MS = 20;
const PER_DIRECTORY = 100;

export interface HashSample {
  readonly what: string;
  readonly round: number;
  readonly elapsedSeconds: number;
  readonly cpuSeconds: number;
  /** Absent for several processes. */
  readonly peakRssMib?: number;
}

export interface HashTree {
  readonly small: number;
  readonly large: number;
}

export interface HashOptions {
  readonly rounds: number;
  readonly tree: HashTree;
  readonly rules: readonly string[];
  readonly hasAide: boolean;
  /** The kernel's audit, as it was before an agent ran. */
  readonly restore: () => void;
  /** What was measured until then is still told. */
  readonly failed: (error: unknown) => void;
  readonly progress: (text: string) => void;
}

/** The names that a table compares with. */
export const SHA256SUM = 'sha256sum';
export const AIDE_INIT = 'aide --init';

/** Files whose contents all differ, on the disk before anything is measured. */
function makeTree(directory: string, { small, large }: HashTree): void {
  rmSync(directory, { recursive: true, force: true });
  const fill = (name: string, count: number, bytes: number): void => {
    const content = crypto.getRandomValues(new Uint32Array(Math.min(bytes, 64 * 1024) / 4));
    const whole = new Uint32Array(bytes / 4);
    for (let at = 0; at < whole.length; at += content.length) whole.set(content, at);
    for (let i = 0; i < count; i++) {
      const folder = join(directory, name, String(Math.floor(i / PER_DIRECTORY)));
      if (i % PER_DIRECTORY === 0) mkdirSync(folder, { recursive: true });
      whole[0] = i;
      writeFileSync(join(folder, `${i}.dat`), whole);
    }
  };
  fill('small', small, SMALL_BYTES);
  fill('large', large, LARGE_BYTES);
  Bun.spawnSync(['sync']);
}

type Cost = Omit<HashSample, 'what' | 'round'>;

/** A command that runs until it's done, with all processes that it starts. */
async function costOf(command: readonly string[]): Promise<Cost> {
  const startedMs = performance.now();
  const child = tracked(Bun.spawn([...command], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' }));
  // What wait4 tells of memory is at least that of this process, which it was when it began.
  let peak = 0;
  const look = setInterval(() => {
    try {
      peak = peakRssMib(child.pid) || peak;
    } catch {
      // gone
    }
  }, LOOK_MS);
  const errors = await new Response(child.stderr).text();
  const code = await child.exited;
  clearInterval(look);
  if (code !== 0) throw new Error(`${command.join(' ')}: ${errors.trim() || `ended with ${code}`}`);
  const usage = child.resourceUsage()!;
  return {
    elapsedSeconds: (performance.now() - startedMs) / 1000,
    cpuSeconds: Number(usage.cpuTime.total) / 1e6,
    ...(peak > 0 && { peakRssMib: peak }),
  };
}

/** The agent's configuration for `baseline`, with a state directory of its own. */
export function baselineConfig(directory: string, paths: readonly string[]): { config: string; stateDir: string } {
  const stateDir = join(directory, 'state');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'puppy-hids.yaml');
  writeFileSync(config, `state_dir: ${stateDir}\n${fsnotifyConfig(paths)}`);
  return { config, stateDir };
}

export const createBaseline = (config: string): Promise<Cost> =>
  costOf([AGENT, 'baseline', 'create', '--quiet', '--config', config]);

/** As the agent keeps them: all that says that a file is another one. */
function aideConfig(directory: string, tree: string): string {
  const path = join(directory, 'aide.conf');
  const lines = [
    `database_in=file:${directory}/aide.db`,
    `database_out=file:${directory}/aide.db.new`,
    'gzip_dbout=no',
    `report_url=file:${directory}/report`,
    `${tree} p+u+g+s+m+c+i+ftype+xattrs+caps+sha256`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

type Contender = () => Promise<readonly [what: string, cost: Cost][]>;

export async function measureHashing(options: HashOptions): Promise<HashSample[]> {
  const directory = join(BUILD, 'files/hash');
  const tree = join(directory, 'tree');
  options.progress('files: making a tree to hash');
  makeTree(tree, options.tree);
  const contenders: Contender[] = [
    () => sha256sum(tree),
    ...(options.hasAide ? [() => aide(join(directory, 'aide'), tree)] : []),
    () => baseline(join(directory, 'baseline'), tree),
    () => filling(join(directory, 'state'), tree, options),
  ];
  const samples: HashSample[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      options.progress(`files, hashing: round ${round + 1} of ${options.rounds}, ${i + 1} of ${contenders.length}`);
      try {
        const costs = await contenders[(i + round) % contenders.length]!();
        for (const [what, cost] of costs) samples.push({ what, round, ...cost });
      } catch (error) {
        options.failed(error);
      }
    }
  }
  rmSync(directory, { recursive: true, force: true });
  return samples;
}

async function sha256sum(tree: string): ReturnType<Contender> {
  const script = 'find "$1" -type f -print0 | xargs -0 sha256sum';
  const { elapsedSeconds, cpuSeconds } = await costOf(['sh', '-c', script, '-', tree]);
  return [[SHA256SUM, { elapsedSeconds, cpuSeconds }]];
}

async function aide(directory: string, tree: string): ReturnType<Contender> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const config = aideConfig(directory, tree);
  const init = await costOf([AIDE, '--init', '--config', config]);
  renameSync(join(directory, 'aide.db.new'), join(directory, 'aide.db'));
  return [
    [AIDE_INIT, init],
    ['aide --check', await costOf([AIDE, '--check', '--config', config])],
  ];
}

async function baseline(directory: string, tree: string): ReturnType<Contender> {
  const { config } = baselineConfig(directory, [tree]);
  const diff = [AGENT, 'baseline', 'diff', '--quiet', '--config', config];
  return [
    ['puppy-hids baseline create', await createBaseline(config)],
    ['puppy-hids baseline diff --full', await costOf([...diff, '--full'])],
    ['puppy-hids baseline diff', await costOf(diff)],
  ];
}

/** What a running agent does once it watches: from then until its baseline is full. */
async function filling(stateDir: string, tree: string, { rules, restore }: HashOptions): ReturnType<Contender> {
  rmSync(stateDir, { recursive: true, force: true });
  try {
    const agent = await startAgent({ rules, stateDir, config: fsnotifyConfig([tree]) });
    const isWatching = (): true | undefined => (agent.log().includes('files: watching ') ? true : undefined);
    await until('watching files', isWatching, FILL_LIMIT_MS);
    const startedMs = performance.now();
    const { pid } = agent.child;
    const cpu = cpuSeconds(pid);
    await filesCompared(agent, FILL_LIMIT_MS);
    const cost = {
      elapsedSeconds: (performance.now() - startedMs) / 1000,
      cpuSeconds: cpuSeconds(pid) - cpu,
      peakRssMib: peakRssMib(pid),
    };
    await stopAgent(agent);
    return [['puppy-hids, running', cost]];
  } finally {
    restore();
  }
}

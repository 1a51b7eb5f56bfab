// The part `files`: watching directories against inotifywait and against nothing, what a change of a file costs the agent, and hashing
// against aide and sha256sum.

import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AIDE, baselineConfig, createBaseline, type HashSample, type HashTree, measureHashing } from './files-hash.ts';
import { measureWatching, type WatchOptions, type WatchResults } from './files-watch.ts';
import { agentWatching, agentWithoutFiles, INOTIFYWAIT, inotifywait, nobody } from './files-watchers.ts';
import type { KernelState } from './kernel.ts';
import { BUILD } from './programs.ts';
import { killReaders } from './readers.ts';

/** What an administrator would watch, as far as it is there. */
const PATHS = ['/etc', '/usr', '/var/www'];
const QUICK_PATHS = ['/etc', '/var/www'];

export interface FilesOptions {
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly rules: readonly string[];
  readonly progress: (text: string) => void;
}

export interface FilesResults extends WatchResults {
  readonly paths: readonly string[];
  readonly idleMs: number;
  readonly tree: HashTree;
  readonly hashing: readonly HashSample[];
}

export async function measureFiles(kernel: KernelState, options: FilesOptions): Promise<FilesResults> {
  const { isQuick, rounds, rules, progress } = options;
  const directory = join(BUILD, 'files');
  rmSync(directory, { recursive: true, force: true });
  const watched = join(directory, 'watched');
  mkdirSync(watched, { recursive: true });
  const paths = (isQuick ? QUICK_PATHS : PATHS).filter(path => existsSync(path));
  const all = [...paths, watched];
  progress(`files: the baseline of ${paths.join(', ')}`);
  const { config, stateDir } = baselineConfig(join(directory, 'prepared'), all);
  await createBaseline(config);
  const backends = ['fanotify', 'inotify'] as const;
  const configurations = [
    nobody,
    ...(isThere(INOTIFYWAIT, 'inotify-tools') ? [inotifywait(all)] : []),
    agentWithoutFiles(rules),
    ...backends.map(backend => agentWatching(`agent, ${backend}`, { rules, backend, paths: all, stateDir })),
  ];
  const idleMs = isQuick ? 5_000 : 20_000;
  const watching = await measureWatching(kernel, configurations, {
    ...{ rounds, directory: watched, idleMs, progress, failed },
    warmUp: { operation: 'create', rate: 0, count: isQuick ? 2_000 : 10_000 },
    workloads: workloads(isQuick),
  });
  const tree = isQuick ? { small: 2_000, large: 20 } : { small: 10_000, large: 100 };
  const hasAide = isThere(AIDE, 'aide');
  const restore = (): void => kernel.restore();
  const hashing = await measureHashing({ rounds, tree, rules, hasAide, restore, progress, failed });
  rmSync(directory, { recursive: true, force: true });
  return { paths, idleMs, tree, ...watching, hashing };
}

function workloads(isQuick: boolean): WatchOptions['workloads'] {
  const scale = isQuick ? 0.3 : 1;
  return [
    { name: 'create, write, rename, delete, flat out', operation: 'file', rate: 0, count: 10_000 * scale },
    { name: 'create and write, 1000/s', operation: 'create', rate: 1_000, count: 10_000 * scale },
    { name: 'create and write, flat out', operation: 'create', rate: 0, count: 20_000 * scale },
  ];
}

/** Whatever runs of it doesn't meet the next one. */
function failed(error: unknown): void {
  killReaders();
  console.error(`bench: left out: ${error instanceof Error ? error.message : String(error)}`);
}

function isThere(program: string, name: string): boolean {
  if (existsSync(program)) return true;
  console.error(`bench: ${name} is not installed, left out`);
  return false;
}

// What the configuration's patterns come to on this host, and what of it is the agent's own (edge: the web servers' configuration files).

import { readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from './config/config.ts';
import { hostConfigFiles } from './fsnotify/web/files.ts';
import { expandPatterns, webRoots } from './fsnotify/web/roots.ts';
import type { OutputSpec } from './output/spec.ts';

export interface WatchedPaths {
  readonly paths: readonly string[];
  readonly excludes: readonly string[];
  /** What couldn't be understood. */
  readonly notes: readonly string[];
}

export function watchedPaths({ paths, exclude }: Pick<Config['fsnotify'], 'paths' | 'exclude'>): WatchedPaths {
  if (![...paths, ...exclude].some(pattern => pattern.startsWith('%'))) return { paths, excludes: exclude, notes: [] };
  const { roots, notes } = webRoots(hostConfigFiles);
  return { paths: expandPatterns(paths, roots), excludes: expandPatterns(exclude, roots), notes };
}

/** What the agent itself writes: also what its output was redirected into. */
export function ownPaths({
  stateDir,
  outputs,
  recordDir,
}: Pick<Config, 'stateDir' | 'outputs' | 'recordDir'>): string[] {
  const folders = recordDir === undefined ? [stateDir] : [stateDir, recordDir];
  return [...folders.map(path => resolve(path)), ...outputs.flatMap(filesOf), ...[1, 2].flatMap(redirected)];
}

const filesOf = ({ path }: OutputSpec): string[] => (path === undefined ? [] : [resolve(path), `${resolve(path)}.*`]);

function redirected(fd: number): string[] {
  try {
    const path = readlinkSync(`/proc/self/fd/${fd}`);
    return path.startsWith('/') && !path.startsWith('/dev/') ? [path] : [];
  } catch {
    return [];
  }
}

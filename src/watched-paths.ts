// What the configuration's patterns come to on this host (edge: the web servers' configuration files).

import type { Config } from './config/config.ts';
import { expandPatterns, webRoots } from './fsnotify/web-roots.ts';
import { hostConfigFiles } from './fsnotify/web-roots-files.ts';

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

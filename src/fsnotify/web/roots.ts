// What `%web%` means on this host: the document roots that its web servers' configurations name. Pure: files are given.

import { apacheRoots } from './apache.ts';
import { caddyRoots } from './caddy.ts';
import { nginxRoots } from './nginx.ts';
import { phpRoots } from './php.ts';
import { type ConfigFiles, ConfigReader } from './reader.ts';

interface WebRoots {
  /** Absolute; `*` within a name where the request decides it. */
  readonly roots: readonly string[];
  /** What couldn't be understood, for people. */
  readonly notes: readonly string[];
}

const WEB = '%web%';
const ROOTS_MAX = 256;
/** Where distributions put sites, be a server's configuration there or not. */
const USUAL = ['/var/www', '/srv/www', '/usr/share/nginx/html'];

/** Directories of the system: a site that is one of them would have all of it watched as a site. */
const REFUSED = new Set([
  ...['/', '/bin', '/boot', '/etc', '/home', '/lib', '/lib64', '/media', '/mnt'],
  ...['/opt', '/root', '/run', '/sbin', '/tmp'],
  ...['/usr', '/usr/bin', '/usr/lib', '/usr/local', '/usr/sbin', '/usr/share'],
  ...['/var', '/var/cache', '/var/lib', '/var/log', '/var/run', '/var/spool', '/var/tmp'],
]);
const KERNEL = /^\/(proc|sys|dev)(\/|$)/;

export function webRoots(files: ConfigFiles): WebRoots {
  const config = new ConfigReader(files);
  const found = [...apacheRoots(config), ...nginxRoots(config), ...caddyRoots(config), ...phpRoots(config)];
  const roots = new Set<string>();
  for (const named of found) {
    const root = named.replace(/\*{2,}/g, '*');
    if (isRefused(root))
      config.note(`${root} is named as a document root and isn't watched as one: add what you want of it`);
    else if (roots.size < ROOTS_MAX) roots.add(root);
    else config.note(`there are more than ${ROOTS_MAX} document roots: ${root} isn't watched`);
  }
  for (const root of USUAL) if (config.isDirectory(root)) roots.add(root);
  return { roots: [...roots], notes: config.notes };
}

/** A wildcard first would be everything too. */
const isRefused = (root: string): boolean => REFUSED.has(root) || KERNEL.test(root) || /^\/[^/]*[*?]/.test(root);

/** `%web%` becomes each root and all beneath it, `%web%/**\/*.php` what it says of each root; other patterns stay. */
export function expandPatterns(patterns: readonly string[], roots: readonly string[]): string[] {
  const expanded = patterns.flatMap(pattern => {
    if (pattern === WEB || pattern === `${WEB}/`) return roots.map(root => `${root}/**`);
    return pattern.startsWith(`${WEB}/`) ? roots.map(root => root + pattern.slice(WEB.length)) : [pattern];
  });
  return [...new Set(expanded)];
}

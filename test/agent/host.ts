// A host of a few files, for what would else ask the real one.

import { ARCH } from '../../src/audit/tables/arches.ts';
import type { KernelContext } from '../../src/kernel-needs.ts';

/** `paths`: files, folders with a slash at their end, links as `from -> to`; the folders above them are there too. */
export function host(...paths: readonly string[]): KernelContext {
  const links = new Map<string, string>();
  const files = new Set<string>();
  const folders = new Set<string>(['/']);
  for (const text of paths) {
    const [path = '', to] = text.split(' -> ');
    if (to !== undefined) links.set(path, to);
    else if (path.endsWith('/')) folders.add(path.slice(0, -1));
    else files.add(path);
    const parts = path.split('/').slice(1, -1);
    for (let i = 1; i <= parts.length; i++) folders.add(`/${parts.slice(0, i).join('/')}`);
  }
  const realPath = (path: string): string | undefined => {
    for (const [from, to] of links) {
      if (path === from || path.startsWith(`${from}/`)) return realPath(to + path.slice(from.length));
    }
    return files.has(path) || folders.has(path) ? path : undefined;
  };
  return {
    arch: ARCH.x86_64,
    uid: name => (name === 'root' ? 0 : undefined),
    gid: () => undefined,
    isDirectory: path => folders.has(realPath(path) ?? ''),
    list: path =>
      [...files, ...folders, ...links.keys()]
        .filter(one => one !== '/' && (one.slice(0, one.lastIndexOf('/')) || '/') === path)
        .map(one => one.slice(one.lastIndexOf('/') + 1))
        .sort(),
    realPath,
    isSocket: path => path.endsWith('.sock') && files.has(realPath(path) ?? ''),
  };
}

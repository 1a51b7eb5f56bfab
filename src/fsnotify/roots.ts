// Where the watched paths really are: symbolic links on the way to a pattern are followed once, at the start; what is found beneath
// never is. In a container they are followed as its processes would, by its own names: its image says where they lead (edge: files).

import { readlinkSync } from 'node:fs';
import { safeText, textBytes } from '../core/text.ts';
import { look } from './reader.ts';
import { leadingNames, namesOf } from './watch-set.ts';

/** As many as the kernel follows. */
const LINKS_MAX = 40;
const NAMES_MAX = 256;
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;

/** By which path the agent reaches a path of whoever's it is; none where it can't. */
export type Reach = (path: string) => string | undefined;

const itself: Reach = path => path;

function linkTarget(path: string): string | undefined {
  const stat = look(path);
  if (stat === undefined || (stat.mode & S_IFMT) !== S_IFLNK) return undefined;
  try {
    return safeText(readlinkSync(textBytes(path), { encoding: 'buffer' }));
  } catch {
    return undefined;
  }
}

/** The real names of what is there of a path, and the rest as it is; what can't be followed stays. */
function realNames(names: readonly string[], reach: Reach): readonly string[] {
  const todo = [...names].reverse();
  let real: string[] = [];
  let links = 0;
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === '..') {
      real.pop();
      continue;
    }
    const path = reach(`/${[...real, name].join('/')}`);
    const target = path === undefined ? undefined : linkTarget(path);
    if (target === undefined) {
      real.push(name);
      continue;
    }
    const led = namesOf(target);
    if (++links > LINKS_MAX || todo.length + led.length > NAMES_MAX) return names;
    if (target.startsWith('/')) real = [];
    todo.push(...led.reverse());
  }
  return real;
}

/** The pattern with its leading directories as they really are; its last name stays, be it a link or not. */
export function realPattern(pattern: string, reach: Reach = itself): string {
  const names = namesOf(pattern);
  const leading = leadingNames(names);
  return `/${[...realNames(leading, reach), ...names.slice(leading.length)].join('/')}`;
}

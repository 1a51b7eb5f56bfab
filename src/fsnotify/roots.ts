// Where the watched paths really are: symbolic links on the way to a pattern are followed once, at the start; what is found beneath
// never is (edge: files).

import { realpathSync } from 'node:fs';
import { leadingNames, namesOf } from './watch-set.ts';

/** The real path of what is there of a path, and the rest as it is. */
function realPath(names: readonly string[]): string {
  for (let count = names.length; count > 0; count--) {
    try {
      const real = realpathSync(`/${names.slice(0, count).join('/')}`);
      return [real === '/' ? '' : real, ...names.slice(count)].join('/');
    } catch {
      // Not there yet, or not to be read: what is before it decides.
    }
  }
  return `/${names.join('/')}`;
}

/** The pattern with its leading directories as they really are; its last name stays, be it a link or not. */
export function realPattern(pattern: string): string {
  const names = namesOf(pattern);
  const leading = leadingNames(names);
  const rest = names.slice(leading.length);
  const real = realPath(leading);
  return [real === '/' ? '' : real, ...rest].join('/') || '/';
}

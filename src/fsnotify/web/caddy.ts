// Caddy's document roots: `root`, as a directive or within one, from the Caddyfile and what it imports. Pure.
// https://caddyserver.com/docs/caddyfile/directives/root, https://caddyserver.com/docs/caddyfile/directives/import

import { type ConfigReader, normalize, resolveIn, wordsOf } from './reader.ts';

const MAIN = ['/etc/caddy/Caddyfile', '/usr/local/etc/caddy/Caddyfile'];

export function caddyRoots(config: ConfigReader): string[] {
  const roots: string[] = [];
  const read = (text: string, path: string): void => {
    const folder = path.slice(0, path.lastIndexOf('/'));
    for (const line of text.split('\n')) {
      // A comment begins a word; `{` and `}` at the end of a line only group.
      const words = wordsOf(line.replace(/(^|\s)#.*$/, ''), '"`').filter(word => word !== '{' && word !== '}');
      const [directive, ...given] = words.map(expandEnvironment);
      const place = given.at(-1);
      if (place === undefined) continue;
      // A snippet's name is no file's: its lines are read where they stand.
      if (directive === 'import') config.include(resolveIn(folder, given[0]!), read);
      if (directive !== 'root') continue;
      if (place.startsWith('/')) roots.push(normalize(place.replace(/\{[^{}]*\}/g, '*')));
      else config.note(`${path}: root ${place}: where that is can't be told from the file`);
    }
  };
  for (const main of MAIN) config.include(main, read);
  return roots;
}

/** `{$NAME:default}`; the environment is the service's own and isn't known. */
const expandEnvironment = (word: string): string =>
  word.replace(/\{\$\w+(?::([^{}]*))?\}/g, (all, standard) => standard ?? all);

// nginx's document roots: root and alias, wherever they stand, from the main file and what it includes. Pure.
// https://nginx.org/en/docs/http/ngx_http_core_module.html#root, https://nginx.org/en/docs/ngx_core_module.html#include

import { type ConfigReader, resolveIn } from './web-roots-reader.ts';

/** The main file; where relative roots begin: where the server was built to be. */
const MAIN: readonly (readonly [path: string, prefix: string])[] = [
  ['/etc/nginx/nginx.conf', '/usr/share/nginx'],
  ['/usr/local/nginx/conf/nginx.conf', '/usr/local/nginx'],
  ['/usr/local/openresty/nginx/conf/nginx.conf', '/usr/local/openresty/nginx'],
];
/** A comment, a quoted word, a sign, or a word (with `${name}` in it). */
const TOKEN =
  /#[^\n]*|"((?:[^"\\]|\\[^])*)"|'((?:[^'\\]|\\[^])*)'|([;{}])|((?:\$\{|\\[^]|[^\s;{}"'#\\])(?:\$\{\w+\}|\\[^]|[^\s;{}\\])*)/g;

export function nginxRoots(config: ConfigReader): string[] {
  const roots: string[] = [];
  for (const [main, prefix] of MAIN) {
    const folder = main.slice(0, main.lastIndexOf('/'));
    const read = (text: string, path: string): void => {
      for (const [name, argument] of directivesOf(text)) {
        if (name === 'include') config.include(resolveIn(folder, argument), read);
        if (name !== 'root' && name !== 'alias') continue;
        // What the request decides can be anything.
        const root = argument.replace(/\$(\{\w+\}|\w+)/g, '*');
        if (root.startsWith('*')) config.note(`${path}: ${name} ${argument}: only each request says where that is`);
        else roots.push(resolveIn(prefix, root));
      }
    };
    config.include(main, read);
  }
  return roots;
}

/** Name and first argument of each directive. The program text of a Lua block is none. */
function directivesOf(text: string): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  let words: string[] = [];
  let depth = 0;
  let program: number | undefined;
  for (const [all, double, single, sign] of text.matchAll(TOKEN)) {
    if (all.startsWith('#')) continue;
    if (sign === undefined) {
      words.push((double ?? single ?? all).replace(/\\([^])/g, '$1'));
      continue;
    }
    if (sign === '{') {
      if (program === undefined && words[0]?.endsWith('_by_lua_block') === true) program = depth;
      depth++;
    } else if (sign === '}') {
      depth--;
      if (program === depth) program = undefined;
    } else if (program === undefined && words.length >= 2) found.push([words[0]!, words[1]!]);
    words = [];
  }
  return found;
}

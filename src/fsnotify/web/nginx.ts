// nginx's document roots: root and alias, wherever they stand, from the main file and what it includes. Pure.
// https://nginx.org/en/docs/http/ngx_http_core_module.html#root, https://nginx.org/en/docs/ngx_core_module.html#include

import { type ConfigReader, resolveIn } from './reader.ts';

/** The main file; where relative roots begin: where the server was built to be. */
const MAIN: readonly (readonly [path: string, prefix: string])[] = [
  ['/etc/nginx/nginx.conf', '/usr/share/nginx'],
  ['/usr/local/nginx/conf/nginx.conf', '/usr/local/nginx'],
  ['/usr/local/openresty/nginx/conf/nginx.conf', '/usr/local/openresty/nginx'],
];
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
  for (const { word, sign } of tokensOf(text)) {
    if (word !== undefined) {
      words.push(word);
      continue;
    }
    if (sign === '{') {
      if (words[0]?.endsWith('_by_lua_block') === true) program ??= depth;
      depth++;
    } else if (sign === '}') {
      depth--;
      if (program !== undefined && depth <= program) program = undefined;
    } else if (program === undefined && words.length >= 2) found.push([words[0]!, words[1]!]);
    words = [];
  }
  return found;
}

function* tokensOf(text: string): Generator<{ word?: string; sign?: string }> {
  for (let at = 0; at < text.length; ) {
    const c = text[at]!;
    if (c === '#') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (c === ';' || c === '{' || c === '}') {
      yield { sign: c };
      at++;
    } else if (/\s/.test(c)) at++;
    else {
      const [word, end] = wordAt(text, at);
      yield { word };
      at = end;
    }
  }
}

/** Up to a quote of its kind, or to a blank or a sign; `${name}` is no sign. */
function wordAt(text: string, from: number): readonly [word: string, end: number] {
  const quote = text[from] === '"' || text[from] === "'" ? text[from] : undefined;
  let at = quote === undefined ? from : from + 1;
  let word = '';
  for (; at < text.length; at++) {
    const c = text[at]!;
    if (c === quote) return [word, at + 1];
    if (quote === undefined && (/[\s;]/.test(c) || (/[{}]/.test(c) && !isVariable(text, at)))) break;
    word += c === '\\' && at + 1 < text.length ? text[++at]! : c;
  }
  return [word, at];
}

const VARIABLE_MAX = 128;

/** Whether the brace at this place is one of `${name}`. */
function isVariable(text: string, at: number): boolean {
  if (text[at] === '{') return text[at - 1] === '$';
  return /\$\{\w+$/.test(text.slice(Math.max(0, at - VARIABLE_MAX), at));
}

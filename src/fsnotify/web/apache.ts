// Apache's document roots: DocumentRoot, Alias, ScriptAlias, the ones by host name, and users' directories, from the main file and what it
// includes. Conditions (IfModule, IfDefine, IfVersion) are taken as met: one root more is watched rather than one too few. Pure.
// https://httpd.apache.org/docs/2.4/mod/core.html, mod_alias, mod_vhost_alias, mod_userdir

import { type ConfigReader, normalize, resolveIn, wordsOf } from './reader.ts';

/** The main files of the distributions, and the server's root where they don't say. */
const MAIN: readonly (readonly [path: string, serverRoot: string, environment: string])[] = [
  ['/etc/apache2/apache2.conf', '/etc/apache2', '/etc/apache2/envvars'],
  ['/etc/httpd/conf/httpd.conf', '/etc/httpd', '/etc/sysconfig/httpd'],
  ['/etc/apache2/httpd.conf', '/etc/apache2', '/etc/sysconfig/apache2'],
  ['/usr/local/apache2/conf/httpd.conf', '/usr/local/apache2', '/usr/local/apache2/bin/envvars'],
];
const LINE_MAX = 16 * 1024;

interface State {
  readonly config: ConfigReader;
  readonly variables: Map<string, string>;
  readonly roots: string[];
  serverRoot: string;
}

export function apacheRoots(config: ConfigReader): string[] {
  const roots: string[] = [];
  for (const [path, serverRoot, environment] of MAIN) {
    const state: State = { config, variables: new Map(), roots, serverRoot };
    config.include(environment, text => readEnvironment(text, state.variables));
    config.include(path, (text, file) => readFile(state, text, file));
  }
  return roots;
}

/** Plain assignments of a shell's script, with the variables that are known. */
function readEnvironment(text: string, variables: Map<string, string>): void {
  for (const line of text.split('\n')) {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)=("[^"`]*"|'[^']*'|[^\s`"';]*)\s*(#.*)?$/.exec(line);
    if (match === null) continue;
    const [, name, raw] = match;
    const value = raw!.replace(/^(["'])(.*)\1$/, '$2');
    if (/`|\$\(|\$\{\w*[^\w}]/.test(value)) continue;
    const plain = value.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced, bare) => variables.get(braced ?? bare) ?? '');
    variables.set(name!, plain);
  }
}

function readFile(state: State, text: string, path: string): void {
  for (const line of text.replace(/\\\r?\n/g, ' ').split('\n')) {
    if (line.length > LINE_MAX) {
      state.config.note(`${path}: a line is too long and was passed over`);
      continue;
    }
    if (/^\s*[#<]/.test(line)) continue;
    const [directive = '', ...words] = wordsOf(line);
    if (directive !== '') readDirective(state, directive.toLowerCase(), words, path);
  }
}

function readDirective(state: State, directive: string, words: readonly string[], path: string): void {
  const { config, variables, roots } = state;
  const expanded = words.map(word => word.replace(/\$\{(\w+)\}/g, (all, name) => variables.get(name) ?? all));
  const place = expanded.at(-1);
  if (place === undefined) return;
  const add = (root: string): void => {
    if (root.includes('${')) config.note(`${path}: ${directive} ${root}: the variable isn't defined in a file`);
    else roots.push(resolveIn(state.serverRoot, root));
  };
  switch (directive) {
    case 'define':
      variables.set(expanded[0]!, expanded[1] ?? '');
      return;
    case 'serverroot':
      state.serverRoot = normalize(place);
      return;
    case 'include':
    case 'includeoptional':
      readIncluded(state, resolveIn(state.serverRoot, place));
      return;
    case 'documentroot':
    case 'alias':
    case 'scriptalias':
      add(place);
      return;
    // A part of the path that the request decides: anything.
    case 'virtualdocumentroot':
    case 'virtualscriptalias':
      add(place.replace(/%(-?\d+\+?(\.-?\d+\+?)?|p)/g, '*'));
      return;
    case 'aliasmatch':
    case 'scriptaliasmatch':
      add(place.replace(/\$\d/g, '*'));
      return;
    case 'userdir':
      for (const root of userRoots(expanded)) roots.push(root);
  }
}

/** A directory is meant with all that is in it. */
function readIncluded(state: State, pattern: string): void {
  const { config } = state;
  for (const path of config.glob(pattern)) {
    if (config.isDirectory(path)) config.include(`${path}/*`, (text, file) => readFile(state, text, file));
    else config.include(path, (text, file) => readFile(state, text, file));
  }
}

/** `public_html`, `/srv/people/*\/www`, `/srv/people`; not `disabled bob`, nor where another server is named. */
function userRoots(words: readonly string[]): string[] {
  if (/^(en|dis)abled$/i.test(words[0] ?? '')) return [];
  return words
    .filter(word => !word.includes('://'))
    .map(word => (!word.startsWith('/') ? `/home/*/${word}` : word.includes('*') ? word : `${word}/*`))
    .map(normalize);
}

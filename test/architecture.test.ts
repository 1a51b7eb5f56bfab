// House law: who may import whom, where the world may be touched, how long a file may be. A rule that isn't tested drifts.

import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';

const root = join(import.meta.dir, '..');

/** The stages, in the order in which an event passes them; a stage imports only itself and what is to its left. */
const STAGES = [
  ...['core', 'audit', 'pcap', 'fsnotify', 'logs', 'proc', 'rules', 'output', 'store', 'sync', 'respond', 'inventory'],
];
/** Edges: they import stages, no stage imports them. What lies in src/ itself puts the stages together, and is an edge too. */
const EDGES = ['config', 'recording', 'control', 'cli'];

/** Values in and values out: no files, no network, no clock, no environment. */
const PURE = [
  /^src\/core\//,
  /^src\/rules\/(?!load\.ts$)/,
  /^src\/pcap\/(?!(reader|capture-file|source|addresses|trace\/source|sockets\/sockets)\.ts$)/,
  /^src\/audit\/(normalize|tables|kernel-rules)\//,
  /^src\/output\/ecs\//,
];
const IMPURE_MODULES =
  /^(node:(fs|net|http|https|dgram|dns|child_process|os|worker_threads|process)|bun:(ffi|sqlite)|bun$)/;
const IMPURE_WORDS = [
  /\b(Date\.now|performance\.now|new Date\(\)|Math\.random|fetch\(|setTimeout|setInterval|native\()/,
  /(?<!['"`.])\bprocess\.(env|argv|pid|ppid|exit|cwd|uptime|hrtime|stdout|stderr|stdin|memoryUsage|on)\b/,
  /\bBun\.(?!CryptoHasher\b)/,
];

/** The only readers of /proc. A process's own descriptors (/proc/self/fd) are no knowledge about others. */
const PROC_READERS = new Set(['src/proc/procfs.ts', 'src/proc/listeners.ts']);

interface Source {
  readonly path: string;
  readonly lines: number;
  /** Without comments. */
  readonly code: string;
  /** Project files by path from the root, packages by name. */
  readonly imports: readonly string[];
}

function withoutComments(text: string): string {
  return text
    .replace(/^\s*(\/\*[\s\S]*?\*\/|\/\/.*)$/gm, '')
    .replace(/\s\/\/ .*$/gm, '')
    .replace(/\/\*\*?[\s\S]*?\*\//g, '');
}

function load(pattern: string): Source[] {
  return [...new Bun.Glob(pattern).scanSync({ cwd: root })].sort().map(path => {
    const text = readFileSync(join(root, path), 'utf8');
    const code = withoutComments(text);
    // isIP and the like are functions of text, wherever they live.
    const imports = [
      ...code
        .replace(/^import \{ (isIP\w*(, )?)+ \} from 'node:net';$/gm, '')
        .matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g),
    ].map(m =>
      m[1]!.startsWith('.')
        ? normalize(join(dirname(path), m[1]!))
            .split(sep)
            .join('/')
        : m[1]!,
    );
    return { path, lines: text.split('\n').length - 1, code, imports };
  });
}

const sources = load('src/**/*.ts');
const everything = [...sources, ...load('native/*.ts'), ...load('test/**/*.ts'), ...load('*.ts')];

/** `audit` for src/audit/…, `` for a file in src/ itself, undefined outside. */
function folderOf(path: string): string | undefined {
  const parts = path.split('/');
  return parts[0] !== 'src' ? undefined : parts.length > 2 ? parts[1] : '';
}

/** What an import of `to` by `from` breaks, if anything. */
function broken(from: string, to: string): string | undefined {
  const here = folderOf(from)!;
  const there = folderOf(to);
  if (!to.startsWith('src/')) {
    if (to.startsWith('test/')) return 'code imports tests';
    return undefined;
  }
  const stage = STAGES.indexOf(here);
  if (stage < 0)
    return here === 'config' && there !== 'config' && STAGES.indexOf(there!) < 0 ? 'config imports an edge' : undefined;
  const target = STAGES.indexOf(there!);
  if (target < 0) return `the stage ${here} imports an edge`;
  return target > stage ? `${here} imports from its right` : undefined;
}

describe('the import table', () => {
  test('every folder is a stage or an edge', () => {
    const known = new Set(['', ...STAGES, ...EDGES]);
    expect(sources.filter(s => !known.has(folderOf(s.path)!)).map(s => s.path)).toEqual([]);
  });

  test('no stage imports from its right, or from an edge', () => {
    const bad = sources.flatMap(s =>
      s.imports.flatMap(to => (broken(s.path, to) === undefined ? [] : [`${s.path} -> ${to}: ${broken(s.path, to)}`])),
    );
    expect(bad).toEqual([]);
  });

  test('core imports nothing outside core', () => {
    const bad = sources.filter(s => folderOf(s.path) === 'core' && s.imports.some(to => folderOf(to) !== 'core'));
    expect(bad.map(s => s.path)).toEqual([]);
  });

  test('only native/index.ts loads the addon', () => {
    const loads = everything.filter(s => /puppy-addon|process\.dlopen|\.node'/.test(s.code)).map(s => s.path);
    expect(loads.filter(path => !path.startsWith('test/'))).toEqual(['native/index.ts', 'build.ts']);
  });

  test('imports carry their extension', () => {
    const bad = everything.flatMap(s =>
      s.imports.filter(to => /^(src|native|test)\//.test(to) && !/\.\w+$/.test(to)).map(to => `${s.path} -> ${to}`),
    );
    expect(bad).toEqual([]);
  });
});

describe('where the world is touched', () => {
  test('the pure middle is pure', () => {
    const bad = sources
      .filter(s => PURE.some(p => p.test(s.path)) && !s.path.endsWith('/generate.ts'))
      .flatMap(s => [
        ...s.imports.filter(to => IMPURE_MODULES.test(to)).map(to => `${s.path}: ${to}`),
        ...IMPURE_WORDS.flatMap(words => words.exec(s.code)?.[0] ?? []).map(word => `${s.path}: ${word}`),
      ]);
    expect(bad).toEqual([]);
  });

  test('only the readers of /proc name it', () => {
    const named = sources.filter(s => /['"`]\/proc\b(?!\/self\/fd)/.test(s.code) && !PROC_READERS.has(s.path));
    // What is pure can name it without reading it: a watch of the kernel's.
    const bad = named.filter(s => !PURE.some(p => p.test(s.path)));
    expect(bad.map(s => s.path)).toEqual([]);
  });
});

describe('every file', () => {
  const data = (path: string) => /\/tables\/data\//.test(path);

  test('is one room: at most 500 lines', () => {
    const native = ['native', 'test/native'].flatMap(folder =>
      ['cc', 'h'].flatMap(kind => load(`${folder}/*.${kind}`)),
    );
    expect(native.length).toBeGreaterThan(0);
    const bad = [...everything, ...native].filter(s => s.lines > 500 && !data(s.path));
    expect(bad.map(s => `${s.path}: ${s.lines}`)).toEqual([]);
  });

  test('says first what it is for', () => {
    const bad = everything.filter(
      s => !/\.(test|d)\.ts$/.test(s.path) && !/^(#!.*\n)?(\/\/|\/\*)/.test(readFileSync(join(root, s.path), 'utf8')),
    );
    expect(bad.map(s => s.path)).toEqual([]);
  });

  test('is finished: nothing skipped, silenced or put off', () => {
    const self = 'test/architecture.test.ts';
    const words =
      /\b(test|it|describe)\.(skip|only|todo)\b|@ts-(ignore|expect-error|nocheck)|\bas any\b(?! \w)|\b(TODO|FIXME|XXX)\b/;
    const bad = everything.filter(s => s.path !== self && words.test(readFileSync(join(root, s.path), 'utf8')));
    expect(bad.map(s => s.path)).toEqual([]);
  });
});

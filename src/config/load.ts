// Reads the configuration: the file, then the environment, then the flags, the later beating the earlier. Every mistake is told.

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { makeSpec, type OutputSpec, parseOutputSpec } from '../output/spec.ts';
import { fileProblem, formatProblem, type Problem } from '../rules/problem.ts';
import { referenceMistake } from '../rules/tuning.ts';
import { type Config, configFrom } from './config.ts';
import { CONFIG_VARIABLE, settingsFromEnv } from './env.ts';
import { leaves, schemaAt } from './schema.ts';
import { expandSecrets } from './secrets.ts';
import { type Mistake, type Path, validate } from './validate.ts';
import { YamlSource } from './yaml-source.ts';

export type { Config } from './config.ts';
export { formatProblem, type Problem };

const DEFAULT_CONFIG_FILE = '/etc/puppy-hids/puppy-hids.yaml';
const LATER_SOURCES: readonly unknown[] = ['inventory'];
const MAX_FILE_BYTES = 1024 * 1024;

/** Settings from the command line, in the shape of the file: `{audit: {mode: 'own'}, rules: ['rules.d']}`. */
export type Flags = Readonly<Record<string, unknown>>;

export interface LoadOptions {
  /** `--config`. Absent: PUPPY_HIDS_CONFIG, else {@link DEFAULT_CONFIG_FILE} if it exists, else no file. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: Flags;
  /** Says what is wrong with a kernel rule's text, if anything. */
  readonly checkAuditRule?: (
    text: string,
  ) => { readonly column: number; readonly length: number; readonly message: string } | undefined;
  /** For tests: in place of {@link DEFAULT_CONFIG_FILE}. */
  readonly defaultFile?: string;
}

export interface Loaded {
  /** Absent when any problem is an error. */
  readonly config?: Config;
  /** What the configuration was made of, in the shape of the file, defaults left out; there where `config` is. */
  readonly settings?: Settings;
  readonly problems: readonly Problem[];
  /** The file that was read. */
  readonly file?: string;
}

export type Settings = Readonly<Record<string, unknown>>;
type Tree = Record<string, unknown>;

/** One source of settings, with the way to tell where a mistake stands. */
interface Layer {
  readonly tree: Tree;
  tell(mistake: Mistake, within?: { readonly column: number; readonly length: number }): Problem;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readText(file: string): string {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('not a regular file');
    if (stat.size > MAX_FILE_BYTES) throw new Error(`larger than ${MAX_FILE_BYTES} bytes`);
    return readFileSync(fd, 'utf8').replace(/^\ufeff/, '');
  } finally {
    closeSync(fd);
  }
}

/** Paths in the file are relative to the file, not to wherever the agent was started. */
function anchored(tree: Tree, directory: string): Tree {
  const path = (text: unknown): unknown =>
    typeof text === 'string' && text !== '' && text !== 'builtin' && !isAbsolute(text)
      ? resolve(directory, text)
      : text;
  const target = (text: unknown): unknown =>
    typeof text === 'string' && /^file:(?!\/)./.test(text) ? `file:${resolve(directory, text.slice(5))}` : text;
  const out = { ...tree };
  if (Array.isArray(out.rules)) out.rules = out.rules.map(path);
  for (const key of ['state_dir', 'record']) if (out[key] !== undefined) out[key] = path(out[key]);
  if (Array.isArray(out.outputs)) {
    out.outputs = out.outputs.map(output => (isTree(output) ? { ...output, to: target(output.to) } : target(output)));
  }
  return out;
}

function fileLayer(file: string, text: string, env: LoadOptions['env'], problems: Problem[]): Layer {
  const yaml = new YamlSource(file, text);
  problems.push(...yaml.problems);
  const directory = dirname(resolve(file));
  const secrets = expandSecrets(yaml.tree, { env, directory });
  const layer: Layer = {
    tree: isTree(secrets.tree) ? anchored(secrets.tree, directory) : {},
    tell: mistake => {
      const range = yaml.range(mistake.path, mistake.key);
      return yaml.source.problem(mistake.severity, mistake.code, range, mistake.message, mistake.help);
    },
  };
  problems.push(...secrets.mistakes.map(mistake => layer.tell(mistake)));
  const isRead = yaml.problems.every(problem => problem.severity === 'warning');
  if (isRead) problems.push(...validate(secrets.tree).map(mistake => layer.tell(mistake)));
  return layer;
}

const FLAGS = leaves().filter(leaf => leaf.node['x-flag'] !== undefined);

function flagOf(path: Path): string {
  const leaf = FLAGS.find(({ path: known }) => known.every((part, i) => part === path[i]));
  return leaf?.node['x-flag'] ?? 'command line';
}

function namedLayer(tree: Tree, source: (path: Path) => string): Layer {
  return {
    tree,
    tell: mistake => fileProblem(mistake.severity, mistake.code, source(mistake.path), mistake.message, mistake.help),
  };
}

/** Later layers beat earlier ones, key by key; lists and labels are replaced as a whole. */
function merge(base: Tree, over: Tree, path: readonly string[] = []): Tree {
  const out: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const here = [...path, key];
    const before = out[key];
    const group = schemaAt(here)?.properties !== undefined;
    out[key] = group && isTree(before) && isTree(value) ? merge(before, value, here) : value;
  }
  return out;
}

function specOf(output: unknown): ReturnType<typeof makeSpec> {
  if (typeof output === 'string') return parseOutputSpec(output);
  if (!isTree(output)) return { errors: [] };
  const { to, fields: _, ...settings } = output;
  const texts = Object.entries(settings).map(
    ([key, value]) => [key, Array.isArray(value) ? value.join(',') : String(value)] as const,
  );
  return typeof to === 'string' ? makeSpec(to, texts) : { errors: [] };
}

/** What the schema can't say: outputs, kernel rules, tuned rules, sources of later versions. */
function checkLayer(layer: Layer, options: LoadOptions, problems: Problem[]): void {
  const { tree } = layer;
  const tell = (severity: 'error' | 'warning', code: string, path: Path, message: string): void => {
    problems.push(layer.tell({ severity, code, path, message }));
  };
  if (Array.isArray(tree.outputs)) {
    for (const [i, output] of tree.outputs.entries()) {
      const parsed = specOf(output);
      if ('errors' in parsed) for (const error of parsed.errors) tell('error', 'bad-output', ['outputs', i], error);
    }
    const targets = tree.outputs.map(output => String(isTree(output) ? output.to : output).replace(/\?.*/s, ''));
    for (const [i, target] of targets.entries()) {
      if (targets.indexOf(target) < i)
        tell('error', 'bad-output', ['outputs', i], `${target} is named twice: two outputs would rotate one file`);
    }
  }
  const rules = isTree(tree.audit) ? tree.audit.rules : undefined;
  if (Array.isArray(rules) && options.checkAuditRule !== undefined) {
    for (const [i, text] of rules.entries()) {
      if (typeof text !== 'string') continue;
      const wrong = options.checkAuditRule(text);
      if (wrong !== undefined)
        tell(
          'error',
          'bad-audit-rule',
          ['audit', 'rules', i],
          `${wrong.message} (at character ${wrong.column} of the rule)`,
        );
    }
  }
  if (Array.isArray(tree.tuning)) {
    for (const [i, entry] of tree.tuning.entries()) {
      const rules = isTree(entry) && Array.isArray(entry.rules) ? entry.rules : [];
      for (const [j, reference] of rules.entries()) {
        const wrong = typeof reference === 'string' ? referenceMistake(reference) : undefined;
        if (wrong === undefined) continue;
        problems.push(layer.tell({ severity: 'error', code: 'bad-value', path: ['tuning', i, 'rules', j], ...wrong }));
      }
    }
  }
  if (Array.isArray(tree.sources)) {
    for (const [i, source] of tree.sources.entries()) {
      if (LATER_SOURCES.includes(source)) {
        tell('warning', 'not-available', ['sources', i], `the source ${source} is not available in this version`);
      }
    }
    if (!tree.sources.some(source => !LATER_SOURCES.includes(source)))
      tell('error', 'bad-value', ['sources'], 'sources must name at least one of audit, fsnotify, logs and pcap');
  }
}

function chooseFile(options: LoadOptions): { file: string; required: boolean } | undefined {
  const named = options.file ?? (options.env[CONFIG_VARIABLE] || undefined);
  if (named !== undefined) return { file: named, required: true };
  return { file: options.defaultFile ?? DEFAULT_CONFIG_FILE, required: false };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

export function loadConfig(options: LoadOptions): Loaded {
  const problems: Problem[] = [];
  const layers: Layer[] = [];
  let file: string | undefined;
  const chosen = chooseFile(options);
  if (chosen !== undefined) {
    try {
      const text = readText(chosen.file);
      file = chosen.file;
      layers.push(fileLayer(chosen.file, text, options.env, problems));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (chosen.required || !isAbsent(error))
        problems.push(fileProblem('error', 'unreadable', chosen.file, `cannot read: ${why}`));
    }
  }
  for (const setting of settingsFromEnv(options.env)) {
    const layer = namedLayer(setting.tree, () => setting.source);
    problems.push(...setting.mistakes.map(mistake => layer.tell(mistake)));
    layers.push(layer);
  }
  const flags = namedLayer({ ...options.flags }, flagOf);
  problems.push(...validate(flags.tree).map(mistake => flags.tell(mistake)));
  layers.push(flags);
  for (const layer of layers) checkLayer(layer, options, problems);
  const found = file === undefined ? {} : { file };
  if (problems.some(problem => problem.severity === 'error')) return { problems, ...found };
  const tree = layers.reduce<Tree>((base, layer) => merge(base, layer.tree), {
    outputs: schemaAt(['outputs'])?.default,
  });
  const outputs = (tree.outputs as unknown[]).flatMap((output): OutputSpec[] => {
    const parsed = specOf(output);
    return 'spec' in parsed ? [parsed.spec] : [];
  });
  return { config: configFrom(tree, outputs), settings: tree, problems, ...found };
}

// The command line: flags come from the configuration's schema, so that each is named, checked and explained in one place.

import { parseArgs } from 'node:util';
import { treeWith } from '../config/env.ts';
import { type Leaf, leaves } from '../config/schema.ts';
import { nearestWord } from '../rules/problem.ts';

export interface FlagSpec {
  readonly type: 'string' | 'boolean';
  readonly multiple?: boolean;
  readonly short?: string;
}

/** Wrong use: told with the way to the help, exit code 2. */
export class UsageError extends Error {}

/** Flags that are settings, by name without dashes. */
const SETTINGS: ReadonlyMap<string, Leaf> = new Map(
  leaves().flatMap(leaf => (leaf.node['x-flag'] === undefined ? [] : [[leaf.node['x-flag'].slice(2), leaf]])),
);

export const COMMON_FLAGS: Readonly<Record<string, FlagSpec>> = {
  config: { type: 'string' },
  color: { type: 'string' },
  quiet: { type: 'boolean', short: 'q' },
  help: { type: 'boolean', short: 'h' },
};

export interface Arguments {
  /** Settings as a tree in the shape of the configuration file. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly operands: readonly string[];
}

function settingSpec({ node }: Leaf): FlagSpec {
  if (node.type === 'boolean') return { type: 'boolean' };
  return { type: 'string', multiple: node.type === 'array' };
}

function settingValue({ node }: Leaf, value: unknown): unknown {
  if (node.type === 'integer' && typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  // `--source audit,pcap`; a path may hold the separator that an environment variable needs.
  if (Array.isArray(value) && node['x-separator'] === ',') return value.flatMap(text => String(text).split(','));
  return value;
}

/**
 * Reads `argv` (after the command's name). `own` are the command's flags; of the settings those in `settings` are taken. Throws
 * UsageError with a did-you-mean.
 */
export function readArguments(
  argv: readonly string[],
  own: Readonly<Record<string, FlagSpec>>,
  settings: readonly string[],
): Arguments {
  const wanted = settings.map(name => [name, settingSpec(SETTINGS.get(name)!)] as const);
  const options: Record<string, FlagSpec> = { ...COMMON_FLAGS, ...own, ...Object.fromEntries(wanted) };
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(explain(error as Error, argv, Object.keys(options)));
  }
  const values = parsed.values as Record<string, string | boolean | string[] | undefined>;
  let tree: Record<string, unknown> = {};
  for (const [name] of wanted) {
    const leaf = SETTINGS.get(name)!;
    if (values[name] !== undefined) tree = merged(tree, treeWith(leaf.path, settingValue(leaf, values[name])));
  }
  const args = { settings: tree, flags: values, operands: parsed.positionals };
  choice(args, 'color', ['auto', 'always', 'never']);
  return args;
}

/** The value of a flag that is one of a few words; undefined where it isn't given. Throws UsageError. */
export function choice<T extends string>({ flags }: Arguments, name: string, words: readonly T[]): T | undefined {
  const value = flags[name];
  if (value === undefined) return undefined;
  const found = words.find(word => word === value);
  if (found === undefined) throw new UsageError(`--${name}: "${String(value)}" is not one of ${words.join(', ')}`);
  return found;
}

function merged(a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> {
  const out = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const before = out[key];
    const both = isTree(before) && isTree(value);
    out[key] = both ? merged(before, value) : value;
  }
  return out;
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function explain(error: Error, argv: readonly string[], names: readonly string[]): string {
  const unknown = argv.find(arg => arg.startsWith('--') && !names.includes(arg.slice(2).split('=')[0]!));
  if (unknown !== undefined && unknown !== '--') {
    const name = unknown.slice(2).split('=')[0]!;
    const nearest = nearestWord(name, names);
    return `unknown flag --${name}${nearest === undefined ? '' : `; did you mean --${nearest}?`}`;
  }
  return error.message.split('\n')[0]!.replace(/\. To specify.*/, '');
}

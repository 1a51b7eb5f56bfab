// `PUPPY_HIDS_*` environment variables as settings. Pure.

import { nearestWord } from '../rules/problem.ts';
import { leaves, type SchemaNode } from './schema.ts';
import { type Mistake, validate } from './validate.ts';

const PREFIX = 'PUPPY_HIDS_';
/** Not a setting: says which file to read. */
export const CONFIG_VARIABLE = 'PUPPY_HIDS_CONFIG';

export function variableName(path: readonly string[]): string {
  return PREFIX + path.join('_').toUpperCase();
}

const NUMBER = /^\d{1,15}$/;

const VARIABLES = new Map(leaves().map(leaf => [variableName(leaf.path), leaf]));

/** The value that a variable's text stands for; a text that fits no type stays a text, and the check tells. */
function readValue(text: string, node: SchemaNode): unknown {
  const types = ([] as string[]).concat((node.type ?? []) as string | string[]);
  // A list of groups is JSON; what isn't is told to be no list.
  if (types.includes('array') && node.items?.type === 'object') return json(text);
  if (types.includes('array')) {
    return text
      .split(node['x-separator'] ?? ',')
      .map(part => part.trim())
      .filter(part => part !== '')
      .map(part => (node.items?.type === 'integer' && NUMBER.test(part) ? Number(part) : part));
  }
  if (types.includes('object')) {
    const pairs = text.split(node['x-separator'] ?? ',').filter(part => part.trim() !== '');
    return Object.fromEntries(
      pairs.map(pair => {
        const equals = pair.indexOf('=');
        return equals < 0 ? [pair.trim(), ''] : [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
      }),
    );
  }
  if (types.includes('integer') && NUMBER.test(text)) return Number(text);
  if (types.includes('boolean') && /^(?:true|1|yes|on)$/i.test(text)) return true;
  if (types.includes('boolean') && /^(?:false|0|no|off)$/i.test(text)) return false;
  return text;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A tree that holds only `value` at `path`. */
export function treeWith(path: readonly string[], value: unknown): Record<string, unknown> {
  let tree: unknown = value;
  for (const key of [...path].reverse()) tree = Object.fromEntries([[key, tree]]);
  return tree as Record<string, unknown>;
}

export interface Setting {
  /** The variable or flag that said so. */
  readonly source: string;
  readonly tree: Record<string, unknown>;
  readonly mistakes: readonly Mistake[];
}

export function settingsFromEnv(env: Readonly<Record<string, string | undefined>>): Setting[] {
  const settings: Setting[] = [];
  for (const name of Object.keys(env).sort()) {
    const text = env[name];
    if (!name.startsWith(PREFIX) || name === CONFIG_VARIABLE || text === undefined) continue;
    const leaf = VARIABLES.get(name);
    if (leaf === undefined) {
      const nearest = nearestWord(
        name.slice(PREFIX.length),
        [...VARIABLES.keys()].map(known => known.slice(PREFIX.length)),
      );
      const help = nearest === undefined ? undefined : `did you mean ${PREFIX}${nearest}?`;
      const message = 'no such setting';
      const mistake: Mistake = {
        severity: 'error',
        code: 'unknown-variable',
        path: [],
        message,
        ...(help !== undefined && { help }),
      };
      settings.push({ source: name, tree: {}, mistakes: [mistake] });
      continue;
    }
    if (text === '') continue; // set but empty: as if it weren't there
    const tree = treeWith(leaf.path, readValue(text, leaf.node));
    settings.push({ source: name, tree, mistakes: validate(tree) });
  }
  return settings;
}

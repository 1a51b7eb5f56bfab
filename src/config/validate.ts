// Checks a tree of settings against the schema and says each mistake in plain words. Pure: where a setting stands is the caller's.

import Ajv, { type ErrorObject, type ValidateFunction } from 'ajv';
import { parseNetwork } from '../core/cidr.ts';
import { parseDuration, parseSize } from '../core/units.ts';
import { nearestWord } from '../rules/problem.ts';
import { CONFIG_SCHEMA, type SchemaNode, schemaAt } from './schema.ts';

export type Path = readonly (string | number)[];

export interface Mistake {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly path: Path;
  /** The key itself is meant, not its value. */
  readonly key?: boolean;
  readonly message: string;
  readonly help?: string;
}

let compiled: ValidateFunction | undefined;

function validator(): ValidateFunction {
  if (compiled !== undefined) return compiled;
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, verbose: true, strictTypes: false });
  ajv.addFormat('size', { type: 'string', validate: (text: string) => parseSize(text) !== undefined });
  ajv.addFormat('duration', { type: 'string', validate: (text: string) => parseDuration(text) !== undefined });
  ajv.addFormat('network', { type: 'string', validate: (text: string) => parseNetwork(text) !== undefined });
  ajv.addVocabulary(['x-least', 'x-most', 'x-flag', 'x-separator', 'x-later', 'x-live']);
  compiled = ajv.compile(CONFIG_SCHEMA);
  return compiled;
}

function pathOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
};

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function dotted(path: Path): string {
  return path.join('.').replace(/\.(\d+)(?=\.|$)/g, '[$1]');
}

function unknownKey(error: ErrorObject, path: Path): Mistake {
  const key = String(error.params.additionalProperty);
  const known = Object.keys(schemaAt(path)?.properties ?? {});
  const nearest = nearestWord(key, known) ?? elsewhere(key);
  const help = nearest === undefined ? `keys here: ${known.join(', ')}` : `did you mean "${nearest}"?`;
  const where = path.length === 0 ? '' : ` under ${dotted(path)}`;
  return {
    severity: 'error',
    code: 'unknown-key',
    path: [...path, key],
    key: true,
    message: `unknown key "${key}"${where}`,
    help,
  };
}

/** The full name of a key that was written at the wrong place. */
function elsewhere(key: string): string | undefined {
  for (const [group, node] of Object.entries(CONFIG_SCHEMA.properties ?? {})) {
    if (node.properties !== undefined && Object.hasOwn(node.properties, key)) return `${group}.${key}`;
  }
  return undefined;
}

function mistakeOf(error: ErrorObject): Mistake | undefined {
  const path = pathOf(error.instancePath);
  const name = dotted(path);
  const value = show(error.data);
  const wrong = (code: string, message: string, help?: string): Mistake => ({
    severity: 'error',
    code,
    path,
    message,
    ...(help !== undefined && { help }),
  });
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(error, path);
    case 'type': {
      const types = ([] as string[]).concat(error.params.type as string | string[]);
      const expected = types.map(type => TYPE_WORDS[type] ?? type).join(' or ');
      return wrong('wrong-type', `${name || 'the configuration'} must be ${expected}, not ${value}`);
    }
    case 'enum': {
      const allowed = (error.params.allowedValues as (string | boolean)[]).map(String);
      const nearest = typeof error.data === 'string' ? nearestWord(error.data, allowed) : undefined;
      return wrong(
        'bad-value',
        `${name} must be one of ${allowed.join(', ')}, not ${value}`,
        nearest === undefined ? undefined : `did you mean "${nearest}"?`,
      );
    }
    case 'format':
      if (error.params.format === 'network') {
        const help = 'an address, or one with the length of its network: 192.0.2.7, 10.0.0.0/8, 2001:db8::/32';
        return wrong('bad-network', `${name}: ${value} is neither an address nor a network`, help);
      }
      return error.params.format === 'size'
        ? wrong('bad-size', `${name}: ${value} is not a size`, 'a number of bytes with a unit: 512KiB, 64MiB, 1GB')
        : wrong('bad-duration', `${name}: ${value} is not a duration`, 'a number with a unit: 500ms, 60s, 1m, 12h, 7d');
    case 'minimum':
    case 'maximum':
      return wrong(
        'out-of-range',
        `${name} must be ${String(error.params.comparison)} ${String(error.params.limit)}, not ${value}`,
      );
    case 'required':
      return wrong('missing-key', `${name} needs the key "${String(error.params.missingProperty)}"`);
    case 'minLength':
      return wrong('bad-value', `${name} must not be empty`);
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return wrong(
        'too-long',
        `${name} has more than ${String(error.params.limit)} ${error.keyword === 'maxLength' ? 'characters' : 'entries'}`,
      );
    case 'uniqueItems':
      return wrong('bad-value', `${name} names something twice`);
    case 'pattern': // of a label's name: the propertyNames error that comes with it has the name
      return undefined;
    case 'propertyNames':
      return {
        severity: 'error',
        code: 'bad-name',
        path: [...path, String(error.params.propertyName)],
        key: true,
        message: `"${String(error.params.propertyName)}" is no name for a label`,
        help: 'letters, digits and _, at most 64',
      };
    default:
      return wrong('bad-value', `${name}: ${error.message ?? 'is wrong'}`);
  }
}

/** Sizes and durations within their bounds, which JSON Schema has no word for; keys of later versions. */
function walk(node: SchemaNode, value: unknown, path: Path, out: Mistake[]): void {
  if (node['x-later'] === true) {
    const message = `${dotted(path)} is not available in this version and has no effect`;
    out.push({ severity: 'warning', code: 'not-available', path, key: true, message });
    return;
  }
  const amount = amountOf(node, value);
  if (amount !== undefined) {
    const { 'x-least': least = 0, 'x-most': most = Number.POSITIVE_INFINITY } = node;
    const unit = node.format === 'size' ? 'bytes' : 'ms';
    if (amount < least) out.push(range(path, `at least ${least} ${unit}`, value));
    if (amount > most) out.push(range(path, `at most ${most} ${unit}`, value));
  }
  if (Array.isArray(value)) {
    if (node.items !== undefined) for (const [i, item] of value.entries()) walk(node.items, item, [...path, i], out);
  } else if (typeof value === 'object' && value !== null && node.properties !== undefined) {
    for (const [key, child] of Object.entries(value)) {
      const childNode = Object.hasOwn(node.properties, key) ? node.properties[key] : undefined;
      if (childNode !== undefined) walk(childNode, child, [...path, key], out);
    }
  }
}

function range(path: Path, bound: string, value: unknown): Mistake {
  return {
    severity: 'error',
    code: 'out-of-range',
    path,
    message: `${dotted(path)} must be ${bound}, not ${show(value)}`,
  };
}

/** The bytes or milliseconds that a value of this schema stands for. */
export function amountOf(node: SchemaNode, value: unknown): number | undefined {
  if (node.format !== 'size' && node.format !== 'duration') return undefined;
  if (typeof value === 'number') return node.format === 'size' ? value : undefined;
  if (typeof value !== 'string') return undefined;
  return node.format === 'size' ? parseSize(value) : parseDuration(value);
}

export function validate(tree: unknown): Mistake[] {
  if (typeof tree === 'object' && tree !== null && !Array.isArray(tree) && Object.keys(tree).length === 0) return [];
  const check = validator();
  const out: Mistake[] = [];
  if (!check(tree)) {
    for (const error of check.errors ?? []) {
      const mistake = mistakeOf(error);
      if (mistake !== undefined) out.push(mistake);
    }
  }
  walk(CONFIG_SCHEMA, tree, [], out);
  return out;
}

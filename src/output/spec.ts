// What `--output` and the configuration say of one output: `stdout?min_level=high`, `file:/var/log/x.jsonl?max_size=100MiB&keep=3`.
// Pure; knows nothing of how an output is opened.

import { LEVELS, type Level } from '../core/event.ts';
import { parseDuration, parseSize } from '../core/units.ts';
import { LEAST_MAX_LINE_BYTES } from './ecs/context.ts';
import type { EcsKind } from './ecs/kinds.ts';

export interface OutputSpec {
  readonly type: 'stdout' | 'file';
  /** Of a file. */
  readonly path?: string;
  /** Absent: the general one. */
  readonly minLevel?: Level;
  /** Absent: all that the agent gives. */
  readonly kinds?: readonly EcsKind[];
  readonly maxLineBytes?: number;
  readonly queueBytes?: number;
  readonly maxSizeBytes?: number;
  readonly maxAgeMs?: number;
  readonly keep?: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const KINDS: readonly EcsKind[] = ['event', 'alert', 'state', 'metric'];
const LATER: Readonly<Record<string, string>> = {
  syslog: 'syslog outputs',
  unix: 'unix sockets',
  http: 'webhooks',
  https: 'webhooks',
};

type Setting = (spec: Mutable<OutputSpec>, value: string) => string | undefined;

function sized(key: 'maxLineBytes' | 'queueBytes' | 'maxSizeBytes', least: number): Setting {
  return (spec, value) => {
    const bytes = parseSize(value);
    if (bytes === undefined) return `"${value}" is not a size such as 64KiB or 100MiB`;
    if (bytes < least) return `at least ${least} bytes`;
    spec[key] = bytes;
    return undefined;
  };
}

/** The settings that an output may have; in the configuration the keys are the same. */
const COMMON: Readonly<Record<string, Setting>> = {
  min_level: (spec, value) => {
    const level = LEVELS.find(name => name === value);
    if (level === undefined) return `"${value}" is not one of ${LEVELS.join(', ')}`;
    spec.minLevel = level;
    return undefined;
  },
  kind: (spec, value) => {
    const kinds = value.split(',').map(name => KINDS.find(kind => kind === name.trim()));
    if (kinds.includes(undefined)) return `"${value}" is not a list of ${KINDS.join(', ')}`;
    spec.kinds = kinds.filter(kind => kind !== undefined);
    return undefined;
  },
  max_line: sized('maxLineBytes', LEAST_MAX_LINE_BYTES),
  queue: sized('queueBytes', 64 * 1024),
};

const FILE: Readonly<Record<string, Setting>> = {
  ...COMMON,
  max_size: sized('maxSizeBytes', 64 * 1024),
  max_age: (spec, value) => {
    const ms = parseDuration(value);
    if (ms === undefined || ms < 1_000) return `"${value}" is not a duration such as 12h or 7d`;
    spec.maxAgeMs = ms;
    return undefined;
  },
  keep: (spec, value) => {
    if (!/^\d{1,4}$/.test(value) || Number(value) > 1_000) return `"${value}" is not a number from 0 to 1000`;
    spec.keep = Number(value);
    return undefined;
  },
};

export const OUTPUT_SETTINGS: readonly string[] = Object.keys(FILE);

export type ParsedSpec = { readonly spec: OutputSpec } | { readonly errors: readonly string[] };

function target(text: string): Mutable<OutputSpec> | string {
  if (text === 'stdout' || text === '-') return { type: 'stdout' };
  if (text.startsWith('file:')) {
    const path = text.slice(5).replace(/^\/\/(?=\/)/, '');
    if (path === '' || path.endsWith('/'))
      return 'file: needs the path of a file, as in file:/var/log/puppy-hids/alerts.jsonl';
    if (path.includes('\0')) return 'a path has no NUL character';
    return { type: 'file', path };
  }
  const scheme = /^[a-z]+/.exec(text)?.[0] ?? '';
  if (Object.hasOwn(LATER, scheme))
    return `${LATER[scheme]} are not available in this version: use stdout or file:PATH`;
  if (text.startsWith('/') || text.startsWith('./')) return `unknown output "${text}": did you mean file:${text}?`;
  return `unknown output "${text}": use stdout or file:PATH`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Parses `to` and its settings; every mistake is told. */
export function makeSpec(to: string, settings: Iterable<readonly [string, string]>): ParsedSpec {
  const spec = target(to);
  if (typeof spec === 'string') return { errors: [spec] };
  const known = spec.type === 'file' ? FILE : COMMON;
  const errors: string[] = [];
  const seen = new Set<string>();
  for (const [key, value] of settings) {
    const set = Object.hasOwn(known, key) ? known[key] : undefined;
    if (set === undefined) {
      const elsewhere = Object.hasOwn(FILE, key)
        ? `is for file: only`
        : `is unknown (${Object.keys(known).join(', ')})`;
      errors.push(`setting "${key}" ${elsewhere}`);
    } else if (seen.has(key)) {
      errors.push(`setting "${key}" is given twice`);
    } else {
      const error = set(spec, value);
      if (error !== undefined) errors.push(`${key}: ${error}`);
    }
    seen.add(key);
  }
  return errors.length > 0 ? { errors } : { spec };
}

/** `TARGET[?key=value&key=value]`; in the values, `%XX` stands for a byte. A path with a `?` writes it as `%3F`. */
export function parseOutputSpec(text: string): ParsedSpec {
  const at = text.indexOf('?');
  const to = at < 0 ? text : text.slice(0, at);
  const query = at < 0 ? '' : text.slice(at + 1);
  const settings: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    if (equals < 0) return { errors: [`setting "${part}" has no value: ${part}=…`] };
    settings.push([part.slice(0, equals), decoded(part.slice(equals + 1))]);
  }
  return makeSpec(to.startsWith('file:') ? to.replaceAll(/%3[Ff]/g, '?') : to, settings);
}

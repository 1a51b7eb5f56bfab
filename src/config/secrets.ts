// `${file:/path}` and `${env:NAME}` inside texts of the configuration file. Reads files: an edge.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Mistake, Path } from './validate.ts';

const REFERENCE = /\$(\$?)\{(file|env):([^}\n]{1,4096})\}/g;
const MAX_SECRET_BYTES = 64 * 1024;

export interface SecretContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly directory: string;
}

function readSecret(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('not a regular file');
    if (stat.size > MAX_SECRET_BYTES) throw new Error(`larger than ${MAX_SECRET_BYTES} bytes`);
    const buffer = Buffer.alloc(MAX_SECRET_BYTES);
    return buffer.utf8Slice(0, readSync(fd, buffer, 0, buffer.length, 0)).replace(/\r?\n$/, '');
  } finally {
    closeSync(fd);
  }
}

function expandText(text: string, path: Path, context: SecretContext, mistakes: Mistake[]): string {
  if (!text.includes('${')) return text;
  const wrong = (message: string): string => {
    mistakes.push({ severity: 'error', code: 'secret', path, message });
    return '';
  };
  return text.replace(REFERENCE, (whole, doubled: string, scheme: string, name: string) => {
    if (doubled !== '') return whole.slice(1);
    if (scheme === 'env') return context.env[name] ?? wrong(`the environment variable ${name} is not set`);
    const file = resolve(context.directory, name);
    try {
      return readSecret(file);
    } catch (error) {
      return wrong(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}

/** The tree with every reference replaced. `$${file:…}` stands for the text `${file:…}` itself. */
export function expandSecrets(tree: unknown, context: SecretContext): { tree: unknown; mistakes: Mistake[] } {
  const mistakes: Mistake[] = [];
  const walk = (value: unknown, path: Path): unknown => {
    if (typeof value === 'string') return expandText(value, path, context, mistakes);
    if (Array.isArray(value)) return value.map((item, i) => walk(item, [...path, i]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]));
  };
  return { tree: walk(tree, []), mistakes };
}

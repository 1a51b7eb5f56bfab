// JSON that may be anything, read by dotted paths: what is missing or of another type is absent. Pure.

import type { Endpoint } from '../../core/event.ts';

/** JSON of unknown shape. */
export class Reader {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  get isObject(): boolean {
    return typeof this.#value === 'object' && this.#value !== null && !Array.isArray(this.#value);
  }

  /** What stands at a dotted path. */
  at(path: string): Reader {
    return new Reader(this.#find(path));
  }

  #find(path: string): unknown {
    let value = this.#value;
    for (let from = 0; ; ) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
      const dot = path.indexOf('.', from);
      const key = path.slice(from, dot < 0 ? undefined : dot);
      if (!Object.hasOwn(value, key)) return undefined;
      value = (value as Readonly<Record<string, unknown>>)[key];
      if (dot < 0) return value;
      from = dot + 1;
    }
  }

  text(path: string): string | undefined {
    const value = this.#find(path);
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
  }

  number(path: string): number | undefined {
    const value = this.#find(path);
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
    return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
  }

  flag(path: string): boolean | undefined {
    const value = this.#find(path);
    return typeof value === 'boolean' ? value : undefined;
  }

  /** The elements of a list; a single value is a list of one. */
  list(path: string): Reader[] {
    const value = this.#find(path);
    if (value === undefined || value === null) return [];
    return (Array.isArray(value) ? value : [value]).map(item => new Reader(item));
  }

  numbers(path: string): number[] {
    return this.list(path).flatMap(item => (typeof item.#value === 'number' ? [item.#value] : []));
  }

  texts(path: string): string[] {
    return this.list(path).flatMap(item => (typeof item.#value === 'string' ? [item.#value] : []));
  }

  timeMs(path: string): number | undefined {
    const ms = Date.parse(this.text(path) ?? '');
    return Number.isNaN(ms) ? undefined : ms;
  }

  /** The properties that are texts or numbers, as texts. */
  scalars(): [string, string][] {
    if (!this.isObject) return [];
    return Object.keys(this.#value as object).flatMap((key): [string, string][] => {
      const value = (this.#value as Readonly<Record<string, unknown>>)[key];
      return typeof value === 'string' || typeof value === 'number' ? [[key, String(value)]] : [];
    });
  }
}

/** The given properties without those that are undefined. */
export function known<T extends object>(parts: { [K in keyof T]: T[K] | undefined }): T {
  const found: Partial<T> = {};
  for (const key in parts) if (parts[key] !== undefined) found[key] = parts[key];
  return found as T;
}

/** Undefined where nothing is in it. */
export function unlessEmpty<T extends object>(parts: T): T | undefined {
  for (const _ in parts) return parts;
  return undefined;
}

export const oneOf = <T extends string>(values: readonly T[], text: string | undefined): T | undefined =>
  values.find(value => value === text);

export const endpointOf = (line: Reader): Endpoint =>
  known<Endpoint>({ ip: line.text('ip'), port: line.number('port'), domain: line.text('domain') });

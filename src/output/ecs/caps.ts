// How much of an event a line may hold. A line is first built within NORMAL; only if it comes out too long, within less.

import { known } from './context.ts';
import type { Json, JsonObject } from './json.ts';
import { cutToJsonBytes, jsonBytes } from './json.ts';

export interface Caps {
  /** Any one text but arguments and command lines, in bytes of JSON. */
  readonly textBytes: number;
  /** A matched pattern or value. */
  readonly valueBytes: number;
  /** Elements of a list (matched conditions, tags, authors, paths). */
  readonly items: number;
  /** Audit records, and the free-form details of the agent's own events, all together. */
  readonly blobBytes: number;
  /** Whether arguments, command lines and ancestors are put in whole; else the caller adds what there is room for. */
  readonly whole: boolean;
}

export const NORMAL: Caps = { textBytes: 8_192, valueBytes: 2_048, items: 64, blobBytes: 8_192, whole: true };
export const CUT: Caps = { ...NORMAL, whole: false };
export const TIGHT: Caps = { textBytes: 160, valueBytes: 96, items: 4, blobBytes: 768, whole: false };

/** Collects warnings of one line; each is named once. */
export class Warnings {
  readonly list: string[];
  constructor(initial: readonly string[], items: number) {
    this.list = initial.length > items ? initial.slice(0, items) : [...initial];
  }
  add(code: string): void {
    if (!this.list.includes(code)) this.list.push(code);
  }
}

/** A text to print: undefined where it says nothing, cut where it is too long. */
export function capped(text: string | undefined, maxBytes: number, warnings: Warnings): string | undefined {
  if (text === undefined) return undefined;
  if (text.length <= 6) return known(text);
  if (text.length * 6 <= maxBytes) return text;
  const cut = cutToJsonBytes(text, maxBytes);
  if (cut.length < text.length) warnings.add('text_truncated');
  return cut;
}

export function put(object: JsonObject, key: string, value: Json | undefined): void {
  if (value !== undefined) object[key] = value;
}

/** `object`, or undefined where nothing was put into it. */
export function unlessEmpty(object: JsonObject): JsonObject | undefined {
  for (const _ in object) return object;
  return undefined;
}

export function cappedList(list: readonly string[], caps: Caps, warnings: Warnings): string[] | undefined {
  const out: string[] = [];
  for (const text of list) {
    if (out.length === caps.items) {
      warnings.add('list_truncated');
      break;
    }
    const value = capped(text, Math.min(caps.textBytes, 1_024), warnings);
    if (value !== undefined) out.push(value);
  }
  return out.length === 0 ? undefined : out;
}

const MAX_DEPTH = 6;

/** Any value as JSON within a budget of bytes: nulls, undefined and functions are left out, long lists and texts are cut. */
export function boundedJson(value: unknown, maxBytes: number, warnings: Warnings, code: string): Json | undefined {
  let left = maxBytes;
  const take = (bytes: number): boolean => {
    left -= bytes;
    if (left >= 0) return true;
    warnings.add(code);
    return false;
  };
  const walk = (item: unknown, depth: number): Json | undefined => {
    switch (typeof item) {
      case 'string': {
        if (known(item) === undefined) return undefined;
        const text = cutToJsonBytes(item, 1_024);
        if (text.length < item.length) warnings.add(code);
        return take(jsonBytes(text) + 3) ? text : undefined;
      }
      case 'number':
        return Number.isFinite(item) && take(25) ? item : undefined;
      case 'boolean':
        return take(6) ? item : undefined;
      case 'bigint':
        return take(25) ? String(item) : undefined;
      case 'object':
        break;
      default:
        return undefined;
    }
    if (item === null || depth === MAX_DEPTH || !take(4)) return undefined;
    if (Array.isArray(item)) {
      const out: Json[] = [];
      for (const element of item) {
        if (left < 0) break;
        const json = walk(element, depth + 1);
        if (json !== undefined) out.push(json);
      }
      return out;
    }
    const entries: [string, Json][] = [];
    for (const [key, element] of Object.entries(item)) {
      if (left < 0) break;
      if (!take(jsonBytes(key, left) + 4)) break;
      const json = walk(element, depth + 1);
      if (json !== undefined) entries.push([key, json]);
    }
    return Object.fromEntries(entries); // defines own properties: a key like __proto__ is only a key
  };
  return walk(value, 0);
}

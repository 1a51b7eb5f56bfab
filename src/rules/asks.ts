// The questions that aren't plain literals, asked of a field's values. Shared by the compiled rules and the interpreter. Pure.

import type { DatePart, Test } from './ast.ts';
import { inNetwork, parseIp } from './cidr.ts';
import { containsWord, fold, mapLiterals, matchGlob } from './glob.ts';
import { firstReferring } from './refers.ts';
import type { Values } from './values.ts';

/** `folded` are the values' folded forms, aligned with `values.items`; `other` gives the values of the field referred to. */
export function ask(
  test: Test,
  values: Values,
  folded: () => readonly string[],
  other: (field: string) => Values,
): boolean {
  switch (test.op) {
    case 'exists':
      return values.isPresent === test.wanted;
    case 'null':
      return values.hasNull || values.count === 0;
    case 'fieldref':
      return firstReferring(values, other(test.field), test.how, test.cased) >= 0;
    default:
      break;
  }
  const isFolded = (test.op === 'glob' || test.op === 'word') && !test.cased;
  const items = isFolded ? folded() : values.items;
  for (let i = 0; i < values.count; i++) if (askOne(test, items[i]!)) return true;
  return false;
}

type OneValueTest = Exclude<Test, { op: 'exists' | 'null' | 'fieldref' }>;

function askOne(test: OneValueTest, value: string): boolean {
  switch (test.op) {
    case 'glob':
      return matchGlob(test.glob, value);
    case 'word':
      return containsWord(value, test.text);
    case 'regex':
      return test.regex.test(value);
    case 'cidr': {
      const ip = parseIp(value);
      return ip !== undefined && inNetwork(test.network, ip);
    }
    case 'compare':
      return compares(test, value);
  }
}

/** The first of the values of which the test alone decides. */
export function firstThatHolds(
  test: Test,
  values: Values,
  folded: () => readonly string[],
  other: (field: string) => Values,
) {
  if (test.op === 'null' || (test.op === 'exists' && !test.wanted)) return undefined;
  if (test.op === 'exists') return values.count > 0 ? values.items[0] : undefined;
  if (test.op === 'fieldref') {
    const index = firstReferring(values, other(test.field), test.how, test.cased);
    return index < 0 ? undefined : values.items[index];
  }
  const isFolded = (test.op === 'glob' || test.op === 'word') && !test.cased;
  const asked = isFolded ? foldedTest(test) : test;
  const items = isFolded ? folded() : values.items;
  for (let i = 0; i < values.count; i++) if (askOne(asked, items[i]!)) return values.items[i];
  return undefined;
}

function foldedTest(test: Extract<Test, { op: 'glob' | 'word' }>): OneValueTest {
  if (test.op === 'word') return { ...test, text: fold(test.text) };
  return { ...test, glob: mapLiterals(test.glob, fold) };
}

function compares(test: Extract<Test, { op: 'compare' }>, value: string): boolean {
  const number = test.part === undefined ? numberOf(value) : datePart(value, test.part);
  if (number === undefined) return false;
  switch (test.operator) {
    case 'gt':
      return number > test.number;
    case 'gte':
      return number >= test.number;
    case 'lt':
      return number < test.number;
    case 'lte':
      return number <= test.number;
    case 'eq':
      return number === test.number;
  }
}

/** A decimal number as written. */
export function numberOf(text: string): number | undefined {
  return text.length <= 40 && /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/.test(text)
    ? Number(text)
    : undefined;
}

/** A part of a date as written (ISO 8601): no time zone is converted. */
function datePart(text: string, part: DatePart): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}))?/.exec(text.slice(0, 40));
  if (match === null) return undefined;
  const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number];
  switch (part) {
    case 'year':
      return year;
    case 'month':
      return month;
    case 'day':
      return day;
    case 'hour':
      return match[4] === undefined ? undefined : Number(match[4]);
    case 'minute':
      return match[5] === undefined ? undefined : Number(match[5]);
    case 'week':
      return isoWeek(year, month, day);
  }
}

function isoWeek(year: number, month: number, day: number): number {
  const DAY_MS = 86_400_000;
  const date = Date.UTC(year, month - 1, day);
  const weekday = (new Date(date).getUTCDay() + 6) % 7;
  const thursday = date + (3 - weekday) * DAY_MS;
  const firstDay = Date.UTC(new Date(thursday).getUTCFullYear(), 0, 1);
  return Math.floor((thursday - firstDay) / DAY_MS / 7) + 1;
}

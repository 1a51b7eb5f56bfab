// What a rule says of a system call, as conditions that the kernel can test: fewer events, never another meaning. Pure.

import type { Item } from './ast.ts';
import { type Glob, shapeOf } from './glob.ts';

/** What is written for a field that is compared by its text. */
export function globsOf(items: readonly Item[], field: string): Glob[] {
  return items
    .filter(item => item.field === field && !item.negated)
    .flatMap(item => item.values.flatMap(value => value.tests))
    .flatMap(test => (test.op === 'glob' ? [test.glob] : []));
}

const ARGUMENTS = ['a0', 'a1', 'a2', 'a3'];
const IDS = 'auid uid euid suid fsuid gid egid sgid fsgid'.split(' ');
const NUMBER_MAX = 0xffff_ffff;
const WAYS_MAX = 8;

/** The ways in which the items can hold, each as conditions that all hold; a field of which the kernel can't be asked asks nothing. */
export function callConditions(items: readonly Item[]): readonly (readonly string[])[] {
  let ways: readonly (readonly string[])[] = [[]];
  for (const field of ['success', 'exit', ...ARGUMENTS, ...IDS]) {
    const item = items.find(one => one.field === field && !one.negated && !one.all);
    const texts = item === undefined ? undefined : exactTexts(item);
    const wanted = texts === undefined ? undefined : conditionsOn(field, texts);
    if (wanted === undefined || wanted.length * ways.length > WAYS_MAX) continue;
    ways = ways.flatMap(way => wanted.map(more => [...way, ...more]));
  }
  return ways;
}

/** Undefined where any value is more than a plain text. */
function exactTexts(item: Item): readonly string[] | undefined {
  const out: string[] = [];
  for (const test of item.values.flatMap(value => value.tests)) {
    const shape = test.op === 'glob' ? shapeOf(test.glob) : undefined;
    if (shape?.kind !== 'exact') return undefined;
    out.push(shape.text);
  }
  return out.length > 0 ? out : undefined;
}

function conditionsOn(field: string, texts: readonly string[]): readonly (readonly string[])[] | undefined {
  if (field === 'success') {
    const values = texts.map(text => ({ yes: '1', no: '0' })[text.toLowerCase()]);
    return values.length === 1 && values[0] !== undefined ? [[`success=${values[0]}`]] : undefined;
  }
  const isArgument = ARGUMENTS.includes(field);
  const numbers = texts.map(text => numberOf(field, text, isArgument));
  if (numbers.some(number => number === undefined)) return undefined;
  const sorted = [...new Set(numbers as number[])].sort((a, b) => a - b);
  const write = (number: number): string => (isArgument ? `0x${number.toString(16)}` : String(number));
  const [first, last] = [sorted[0]!, sorted.at(-1)!];
  const isRange = sorted.length > 1 && first >= 0 && last - first === sorted.length - 1;
  if (isRange) return [[`${field}>=${write(first)}`, `${field}<=${write(last)}`]];
  return sorted.map(number => [`${field}=${write(number)}`]);
}

/** As records have it: arguments in hex, of which the kernel compares the low 32 bits; all else decimal. */
function numberOf(field: string, text: string, isArgument: boolean): number | undefined {
  if (isArgument) return /^[0-9a-f]{1,16}$/i.test(text) ? Number.parseInt(text.slice(-8), 16) : undefined;
  if (!/^-?\d{1,10}$/.test(text)) return undefined;
  const number = Number(text);
  if (field === 'exit') return Math.abs(number) <= 0x7fff_ffff ? number : undefined;
  return number >= 0 && number < NUMBER_MAX ? number : undefined;
}

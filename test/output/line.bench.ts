// Microseconds for a line: `bun test/output/line.bench.ts`. Best of several runs, beside JSON.stringify of the same object alone.

import { toEcs, toLine } from '../../src/output/ecs/line.ts';
import { context, curl, init, MATCH, SAMPLES, shell } from './samples.ts';

const ctx = context();
const ancestors = [shell, init, init, init, init, init];
let serial = 0;

function bestMicros(run: () => unknown): number {
  for (let i = 0; i < 5_000; i++) run();
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 20; round++) {
    const start = Bun.nanoseconds();
    for (let i = 0; i < 500; i++) run();
    best = Math.min(best, (Bun.nanoseconds() - start) / 500 / 1_000);
  }
  return best;
}

const args = Array.from({ length: 70_000 }, () => 'ab');
const huge = { ...curl, args, argsCount: args.length, commandLine: args.join(' ') };
const exec = (image = curl): typeof SAMPLES.exec => ({
  ...SAMPLES.exec,
  stamp: `1:${++serial}`,
  timeMs: 1_700_000_000_000 + serial,
  process: { image: { ...image }, ancestors },
});
const object = toEcs(exec(), MATCH, ctx);

for (const [name, run] of [
  ['JSON.stringify of an alert', () => JSON.stringify(object)],
  ['exec event', () => toLine(exec(), undefined, ctx)],
  ['exec alert', () => toLine(exec(), MATCH, ctx)],
  ['connect alert', () => toLine({ ...SAMPLES.connect, stamp: `1:${++serial}` }, MATCH, ctx)],
  ['alert with 70,000 arguments', () => toLine(exec(huge), MATCH, ctx)],
] as const) {
  console.log(`${bestMicros(run).toFixed(1).padStart(8)} µs  ${name}`);
}

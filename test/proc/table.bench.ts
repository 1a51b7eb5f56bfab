// What the process table costs: `bun test/proc/table.bench.ts`. Not a test: prints, asserts nothing.

import { enrich } from '../../src/proc/enrich.ts';
import { liveFacts } from '../../src/proc/live-facts.ts';
import { ProcessTable } from '../../src/proc/table.ts';
import { exec } from './host-model.ts';

const ROUNDS = 7;
const EVENTS = 60_000;

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

function main(): void {
  const table = new ProcessTable(liveFacts());
  const seedStart = Bun.nanoseconds();
  let nowMs = Date.now();
  table.seed(nowMs);
  console.log(`seed: ${table.counters.entries} processes in ${((Bun.nanoseconds() - seedStart) / 1e6).toFixed(1)} ms`);
  const host = liveFacts().hostFile('/usr/bin/true');
  const file = { dev: host?.dev ?? '00:00', inode: host?.inode ?? '0' };
  table.exec(exec(nowMs, 2_000_000, process.pid, '/usr/bin/bash'));
  const perEvent: number[] = [];
  let pid = 3_000_000;
  for (let round = 0; round < ROUNDS; round++) {
    const observations = Array.from({ length: EVENTS }, (_, i) =>
      exec(nowMs + i / 100, ++pid, 2_000_000, '/usr/bin/true', {
        args: ['/usr/bin/true', `${i}`, '--option=value'],
        file,
      }),
    );
    const start = Bun.nanoseconds();
    for (const o of observations) enrich(o, table);
    perEvent.push((Bun.nanoseconds() - start) / EVENTS / 1000);
    nowMs += EVENTS / 100;
  }
  console.log(`exec, parent in the table: ${median(perEvent).toFixed(2)} µs each (median of ${ROUNDS} × ${EVENTS})`);
  console.log(JSON.stringify(table.counters));
  const facts = liveFacts();
  const timed = (name: string, count: number, call: () => unknown): void => {
    const start = Bun.nanoseconds();
    for (let i = 0; i < count; i++) call();
    console.log(`${name}: ${((Bun.nanoseconds() - start) / count / 1000).toFixed(1)} µs`);
  };
  timed('startTicks', 20_000, () => facts.startTicks(process.pid));
  timed('readProcess', 5_000, () => facts.readProcess(process.pid));
  timed('hostFile', 20_000, () => facts.hostFile('/usr/bin/true'));
  timed('listPids', 1_000, () => facts.listPids());
  timed('tick with a full table', 20, () => {
    nowMs += 5_000;
    table.tick(nowMs);
  });
  console.log(`RSS ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB`);
}

main();

// Writes numbered lines to stdout through the sink, in ticks, and says on stderr how it went.
// Arguments: how many lines, milliseconds between ticks of 100 lines, bytes of a line, milliseconds that the last flush may take.

import { stdoutSink } from '../../../src/output/stdout.ts';

const [count = 1_000, everyMs = 0, bytes = 100, flushMs = 5_000] = process.argv.slice(2).map(Number);
const droppedReports: number[] = [];
let closed = false;
const sink = stdoutSink({
  onDropped: drop => droppedReports.push(drop.lines),
  onClosed: () => {
    closed = true;
  },
});
let longestTickMs = 0;
let peakRssBytes = 0;
const filler = 'x'.repeat(Math.max(0, bytes - 12));
let last = performance.now();
for (let i = 0; i < count && !closed; i++) {
  sink.write(`${String(i).padStart(10, '0')} ${filler}`);
  if (i % 100 === 99) {
    if (everyMs > 0) await Bun.sleep(everyMs);
    else await new Promise(resolve => setImmediate(resolve));
    const now = performance.now();
    longestTickMs = Math.max(longestTickMs, now - last - everyMs);
    last = now;
    peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
  }
}
const whole = await sink.close(flushMs);
process.stderr.write(
  `${JSON.stringify({ ...sink.counters, whole, closed, longestTickMs, peakRssMiB: peakRssBytes / 2 ** 20, reported: droppedReports.reduce((a, b) => a + b, 0) })}\n`,
);
process.exit(0);

// Reads packets until its standard input ends: options as JSON in, a line `ready`, then what it saw and its counters as JSON.

import { type InterfaceChange, PcapReader } from '../../../src/pcap/reader.ts';

const reader = PcapReader.open(JSON.parse(process.argv[2]!));
if (!(reader instanceof PcapReader)) {
  console.log(JSON.stringify(reader));
  process.exit(0);
}
let packets = 0;
const changes: InterfaceChange[] = [];
reader.start({
  packet: () => packets++,
  interfaceChanged: change => changes.push(change),
  batchEnd: () => {},
});
console.log('ready');
for await (const _ of Bun.stdin.stream());
reader.stop();
const memory = process.memoryUsage.rss();
const { user, system } = process.cpuUsage();
console.log(
  JSON.stringify({ packets, changes, stats: reader.stats(), rssBytes: memory, cpuMs: (user + system) / 1000 }),
);
reader.close();

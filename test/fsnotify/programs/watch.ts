// Watches the folders named on the command line until its input ends, and prints what it's told: one line of JSON each.

import { FsSource } from '../../../src/fsnotify/source.ts';

const say = (what: string, value: unknown): void => console.log(JSON.stringify([what, value]));

const source = new FsSource(
  { paths: process.argv.slice(2), excludes: [], ownPaths: [], backend: 'auto', pid: process.pid },
  {
    change: ({ kind, path, teller }) => say('change', [kind, path, teller]),
    batchEnd: () => {},
    loss: loss => say('loss', loss),
    note: ({ message }) => say('note', message),
    availability: (up, message) => say(up ? 'up' : 'down', message),
  },
);
await source.start(Date.now());
say('ready', source.counters().directories);
for await (const _ of Bun.stdin.stream());
source.stop();
say('unwatched', source.counters().unwatched);

// Inspects one file, prints the warnings, and ends: `exit` by process.exit, `end` since there is nothing more to do.

import { Inspector } from '../../../src/fsnotify/inspect/inspector.ts';

const [path, how] = process.argv.slice(2) as [string, string];
const inspector = new Inspector({ hashes: ['sha256'], hashMaxBytes: 1e6, timeoutMs: 200 }, () => undefined);
inspector.inspect({ path, priority: 'event' }, ({ warnings }) => {
  console.log(warnings.join());
  if (how === 'exit') process.exit(4);
});

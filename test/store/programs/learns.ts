// Learns a number on each tick until it is killed: `learns.ts PATH`. Each number that was written is told.

import { SqliteTerms } from '../../../src/store/terms.ts';

const store = new SqliteTerms({ path: process.argv[2]!, onNote: (_level, message) => process.stderr.write(message) });
for (let i = 0; ; i++) {
  store.see({ key: 'r', learnMs: 1e15 }, [String(i)], i);
  store.tick(i);
  process.stdout.write(`${i}\n`);
  if (i % 50 === 0) await Bun.sleep(1);
}

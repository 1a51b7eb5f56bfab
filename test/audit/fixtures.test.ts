// Logs in ./fixtures against the observations that lie beside them: NAME.log and NAME.golden.json. UPDATE_GOLDEN=1 rewrites; a diff
// is to be reviewed. Lines of a log that begin with `#` say where it is from.

import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOG_EXCLUDED } from '../../src/audit/complete.ts';
import { observe } from './replayed.ts';

const folder = join(import.meta.dir, 'fixtures');

describe('fixtures', () => {
  for (const file of readdirSync(folder).filter(name => name.endsWith('.log'))) {
    test(file, () => {
      const log = readFileSync(join(folder, file));
      // auditd leaves EOE out of its logs.
      const seen = observe(log, log.includes('type=EOE') ? undefined : LOG_EXCLUDED);
      const text = `${JSON.stringify(seen, undefined, 2)}\n`;
      const golden = join(folder, file.replace(/\.log$/, '.golden.json'));
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, text);
      if (!existsSync(golden)) throw new Error(`${golden} is missing: UPDATE_GOLDEN=1 writes it`);
      expect(JSON.parse(text)).toEqual(JSON.parse(readFileSync(golden, 'utf8')));
      expect(readFileSync(join(folder, file), 'utf8')).toStartWith('#');
    });
  }

  test('no golden without its log', () => {
    for (const file of readdirSync(folder).filter(name => name.endsWith('.golden.json'))) {
      expect(existsSync(join(folder, file.replace('.golden.json', '.log')))).toBe(true);
    }
  });
});

import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Loaded, loadConfig } from '../../src/config/load.ts';

function load(text: string, env: Record<string, string> = {}): Loaded {
  const dir = mkdtempSync(join(tmpdir(), 'puppy-tuning-'));
  try {
    const file = join(dir, 'puppy-hids.yaml');
    writeFileSync(file, text);
    return loadConfig({ env, flags: {}, defaultFile: file });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('tuning is read in milliseconds, from the file or as JSON from the environment', () => {
  const { config, problems } = load(`
tuning:
  - {rules: [level:low, tag:attack.t1059], enabled: false}
  - {rules: [noisy], level: high, suppress: {group-by: [User], timespan: 10m}}
`);
  expect(problems).toEqual([]);
  expect(config?.tuning).toEqual([
    { rules: ['level:low', 'tag:attack.t1059'], enabled: false },
    { rules: ['noisy'], level: 'high', suppress: { groupBy: ['User'], timespanMs: 600_000 } },
  ]);
  const tuning = [{ rules: ['x'], level: 'low' }] as const;
  expect(load('', { PUPPY_HIDS_TUNING: JSON.stringify(tuning) }).config?.tuning).toEqual(tuning);
  expect(load('', { PUPPY_HIDS_TUNING: 'x=low' }).problems[0]?.message).toBe('tuning must be a list, not "x=low"');
});

test('mistakes are told with their places', () => {
  const { problems } = load(`tuning:
  - {rules: [level:hihg], level: loud}
  - {enabled: false, supress: {}}
  - {rules: [a], suppress: {group-by: [User], timespan: soon}}
`);
  const told = problems.map(({ line, column, message, help }) => `${line}:${column} ${message} | ${help ?? ''}`);
  expect(told.sort()).toEqual(
    [
      '2:14 "hihg" is not a level | did you mean "high"?',
      '2:34 tuning[0].level must be one of informational, low, medium, high, critical, not "loud" | ',
      '3:5 tuning[1] needs the key "rules" | ',
      '3:22 unknown key "supress" under tuning[1] | did you mean "suppress"?',
      '4:57 tuning[2].suppress.timespan: "soon" is not a duration | a number with a unit: 500ms, 60s, 1m, 12h, 7d',
    ].sort(),
  );
});

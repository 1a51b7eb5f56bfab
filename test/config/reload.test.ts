import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { takeOver } from '../../src/reload-config.ts';

const root = mkdtempSync(join(tmpdir(), 'puppy-reload-config-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

function read(text: string) {
  const file = join(root, 'c.yaml');
  writeFileSync(file, text);
  const { config, settings } = loadConfig({ file, env: {}, flags: { rules: ['r'] } });
  return { config: config!, settings: settings! };
}

test('what can change in a running agent does, the rest stays as it was and is named', () => {
  const running = read(
    'min_level: low\nlabels: {site: a}\naudit: {backlog_limit: 100}\noutputs: [stdout?min_level=low]\n',
  );
  const next = read(
    'heartbeat: 5s\nlimits: {memory: 1GiB, queue_events: 2000}\nlabels: {site: b}\naudit: {backlog_limit: 100, rules: [-w /x -k x]}\noutputs: [stdout?min_level=high]\n',
  );
  const { configuration, taken, restart } = takeOver(running, next);
  expect([...taken].sort()).toEqual(['audit.rules', 'heartbeat', 'limits.memory', 'min_level', 'outputs']);
  expect([...restart].sort()).toEqual(['labels', 'limits.queue_events']);
  const { config } = configuration;
  expect(config).toMatchObject({ minLevel: 'medium', heartbeatMs: 5_000, labels: { site: 'a' }, rules: ['r'] });
  expect(config.limits).toEqual({ ...running.config.limits, memoryBytes: 2 ** 30 });
  expect(config.audit).toMatchObject({ backlogLimit: 100, rules: ['-w /x -k x'] });
  expect(config.outputs[0]?.minLevel).toBe('high');
  expect(takeOver(configuration, next)).toMatchObject({ taken: [], restart });
  expect(takeOver(running, running)).toEqual({ configuration: running, taken: [], restart: [] });
});

test('another output needs a restart, also where its level changed too; a default written out is no change', () => {
  const running = read('outputs: [stdout]\n');
  expect(takeOver(running, read('outputs: ["file:/tmp/x?min_level=low"]\n')).restart).toEqual(['outputs']);
  expect(takeOver(running, read('outputs: [stdout]\nmin_level: medium\nheartbeat: 60s\n'))).toMatchObject({
    taken: [],
    restart: [],
  });
});

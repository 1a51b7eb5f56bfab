// An agent that needs more memory than it may have: it ends, and says what to do. (It asks nothing of audit.)

import { expect, test } from 'bun:test';
import { AgentRun } from './agent.ts';

test('limits.memory: above it the agent ends with 1', async () => {
  const run = new AgentRun({ config: 'limits: {memory: 64MiB}', args: ['--source', 'logs'] });
  expect(await run.ended()).toBe(1);
  expect(run.log()).toMatch(/uses \d+ MiB of memory, more than limits.memory \(64 MiB\): it ends. Raise limits.memory/);
}, 30_000);

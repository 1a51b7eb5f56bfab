import { expect, test } from 'bun:test';
import fc from 'fast-check';
import type { HostFacts } from '../../src/proc/facts.ts';
import { liveFacts } from '../../src/proc/live-facts.ts';
import { recordFacts, replayFacts } from '../../src/proc/record-facts.ts';

type Call = (facts: HostFacts) => unknown;

const pid = fc.constantFrom(0, 1, 2, process.pid, process.ppid, 99_999_999);
const path = fc.constantFrom('/', '/bin/sh', '/absent', '/etc/passwd\0x');
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.constant<Call>(f => f.host()),
  fc.constant<Call>(f => f.boot()),
  fc.constant<Call>(f => f.uptimeMs()),
  fc.constant<Call>(f => f.listPids()),
  fc.constant<Call>(f => f.refreshUsers()),
  pid.map<Call>(p => f => f.readProcess(p)),
  pid.map<Call>(p => f => f.startTicks(p)),
  pid.map<Call>(p => f => f.processRoot(p)),
  pid.map<Call>(p => f => f.userName(p)),
  pid.map<Call>(p => f => f.groupName(p)),
  path.map<Call>(p => f => f.hostFile(p)),
);

test('what was recorded is answered alike, in the same order', () => {
  const live = liveFacts();
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), calls => {
      const lines: string[] = [];
      const recording = recordFacts(live, line => lines.push(line));
      const answers = calls.map(c => c(recording));
      const replaying = replayFacts(lines);
      expect(calls.map(c => c(replaying))).toEqual(answers);
      expect(replaying.malformed).toBe(0);
      expect(replaying.unanswered()).toBe(0);
      expect(lines.some(line => line.includes('\n'))).toBe(false);
    }),
    { numRuns: 50 },
  );
});

test('what is not in the recording is not known', () => {
  const facts = replayFacts(['{"f":"startTicks","a":1,"v":5}', '{"f":"startTicks","a":1}', 'x', '3', '{"f":2}', '']);
  expect(facts.malformed).toBe(3);
  expect(facts.startTicks(1)).toBe(5);
  expect(facts.startTicks(1)).toBeUndefined();
  expect(facts.unanswered()).toBe(0);
  expect(facts.startTicks(1)).toBeUndefined();
  expect(facts.startTicks(2)).toBeUndefined();
  expect(facts.host()).toBeUndefined();
  expect(facts.unanswered()).toBe(3);
});

// Events that an agent wrote, judged again: the same rules give the same alerts under the same ids, other rules others; whatever else
// stands in a file is counted and told.

import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { inputOf } from '../../src/cli/inputs.ts';
import { replayCommand } from '../../src/cli/replay.ts';
import { ecsContext } from '../../src/output/ecs/context.ts';
import { toLine } from '../../src/output/ecs/line.ts';
import { lineOf } from '../../src/output/ecs/read-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'puppy-replay-events-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: string | Buffer, suffix = ''): string {
  const path = join(folder, `file${files++}${suffix}`);
  writeFileSync(path, content);
  return path;
}

const fixture = (name: string): string => join(import.meta.dir, `../audit/fixtures/${name}.log`);
const LOGS = ['captured-connects', 'captured-scripts', 'written-exec', 'written-network', 'written-others'].map(
  fixture,
);
const AUTH = `2026-11-24T05:00:00.000Z web1 sshd[7]: Failed password for root from 192.0.2.7 port 1 ssh2
2026-11-24T05:00:01.000Z web1 sshd[7]: message repeated 3 times: [ Failed password for root from 192.0.2.7 port 1 ssh2]
`;

const id = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;
const PROGRAM = `title: Program
id: ${id(1)}
name: program
level: high
logsource: {product: linux, category: process_creation}
detection: {sel: {Image|contains: /}, condition: sel}
`;
const RULES = file(`${PROGRAM}---
title: Connection
id: ${id(2)}
level: high
logsource: {product: linux, category: network_connection}
detection: {sel: {DestinationPort|gt: 0}, condition: sel}
---
title: Twice
id: ${id(3)}
level: high
correlation: {type: event_count, rules: [program], generate: true, group-by: [user.id], timespan: 1h, condition: {gte: 2}}
---
title: Failed login
id: ${id(4)}
level: high
logsource: {product: linux, service: sshd}
detection: {sel: {source.port: 1}, condition: sel}
---
title: Record
id: ${id(5)}
level: high
logsource: {product: linux, service: auditd}
detection: {sel: {type: SOCKADDR}, condition: sel}
`);

interface Line {
  readonly event: { readonly action: string; readonly kind: string; readonly id: string };
  readonly host: { readonly id: string; readonly name: string };
  readonly labels?: object;
  readonly rule?: { readonly name: string };
  readonly process?: { readonly args?: readonly string[] };
  readonly puppy: { readonly event?: { readonly id: string }; readonly confidence?: string };
}

interface Replayed {
  readonly code: number;
  readonly lines: readonly Line[];
  readonly told: string;
}

async function replay(inputs: readonly string[], ...flags: string[]): Promise<Replayed> {
  const out = join(folder, `out${files++}`);
  let told = '';
  const io = { env: {}, out: () => {}, err: (text: string) => (told += text), errIsTerminal: false };
  const own = flags.includes('--rules') ? [] : ['--rules', RULES];
  const code = await replayCommand.run([...own, '--output', `file:${out}`, ...flags, ...inputs], io);
  const lines = readFileSync(out, 'utf8').split('\n');
  return { code, told, lines: lines.flatMap(line => (line === '' ? [] : [JSON.parse(line) as Line])) };
}

const written = (lines: readonly object[]): string => lines.map(line => `${JSON.stringify(line)}\n`).join('');
const alerts = ({ lines }: Replayed): Line[] => lines.filter(({ event }) => event.kind === 'alert');
const hosts = ({ lines }: Replayed): Line[] => lines.filter(({ event }) => event.kind !== 'metric');
/** An event as it may be written by hand. */
const exec = (n: number, more: object = {}): object => ({
  '@timestamp': new Date(1_795_492_277_000 + n * 1000).toISOString(),
  event: { id: `e${n}`, kind: 'event', action: 'exec' },
  process: { pid: 100 + n, executable: '/usr/bin/id', real_user: { id: '0', name: 'root' } },
  ...more,
});

const live = await replay([...LOGS, file(AUTH)], '--host-id', 'host-1', '--events', '--records');

describe('the same rules', () => {
  test('the same lines: events as they were, alerts under their ids, plain or packed', async () => {
    expect(new Set(alerts(live).map(({ rule }) => rule?.name)).size).toBe(5);
    for (const input of [file(written(live.lines), '.jsonl'), file(gzipSync(written(live.lines)))]) {
      const again = await replay([input], '--events', '--records', '--host-id', 'other');
      expect(again.lines).toEqual(hosts(live));
      expect(again.told).toContain("1 lines are the agent's own");
    }
  });

  test('alerts alone: the event of each once', async () => {
    const programs = (from: Replayed): Line[] => alerts(from).filter(({ rule }) => rule?.name === 'Program');
    const some = await replay(LOGS, '--host-id', 'host-1');
    const again = await replay([file(written(some.lines))]);
    expect(programs(some).length).toBeGreaterThan(5);
    expect(programs(again)).toEqual(programs(some));
    expect(again.told).toContain('known from their alerts alone');
  });

  test('a file that comes twice counts once', async () => {
    const input = file(written(live.lines));
    const again = await replay([input, input]);
    expect(alerts(again).map(({ event }) => event.id)).toEqual(alerts(live).map(({ event }) => event.id));
    expect(again.told).toContain('events come again');
  });
});

test('another rule finds what was there', async () => {
  const rules = file(`title: Ran id
level: high
logsource: {product: linux, category: process_creation}
detection: {sel: {Image|endswith: /id, User: root}, condition: sel}
`);
  const { lines } = await replay([file(written([exec(1), exec(2)]))], '--rules', rules);
  expect(lines.map(({ puppy }) => puppy.event?.id)).toEqual(['e1', 'e2']);
});

test('rules of audit records are named where the lines have none', async () => {
  const bare = await replay(LOGS, '--events');
  const { lines, told } = await replay([file(written(bare.lines))]);
  expect(lines.some(({ rule }) => rule?.name === 'Record')).toBe(false);
  expect(told).toMatch(/lack audit records .* 1 rules ask for it .*Record/);
});

test('hosts keep their names and are judged each by itself', async () => {
  const of = (host: string, n: number): object =>
    exec(n, { host: { id: host, name: `name of ${host}` }, labels: { env: host } });
  const { lines, told } = await replay(
    [file(written([of('a', 1), of('b', 2), exec(3), of('b', 4)]))],
    '--host-id',
    'c',
  );
  expect(lines.map(({ host, labels, rule }) => [host.id, host.name, labels, rule?.name])).toEqual([
    ['a', 'name of a', { env: 'a' }, 'Program'],
    ['b', 'name of b', { env: 'b' }, 'Program'],
    ['c', 'c', undefined, 'Program'],
    ['b', 'name of b', { env: 'b' }, 'Program'],
    ['b', 'name of b', { env: 'b' }, 'Twice'],
  ]);
  expect(told).toContain('3 hosts');
});

test('a loss that was told of makes the alerts of its time less sure', async () => {
  const loss = { source: 'audit', reason: 'socket', count: 3, unit: 'events', upper_bound: false };
  const times = { from: '2026-11-24T04:31:17.000Z', to: '2026-11-24T04:31:27.000Z' };
  const own = {
    '@timestamp': times.to,
    event: { kind: 'metric', action: 'loss', module: 'agent' },
    puppy: { loss: { ...loss, ...times } },
  };
  const inWindow = exec(0, { '@timestamp': '2026-11-24T04:31:20.000Z' });
  const { lines } = await replay([file(written([own, inWindow, exec(60)]))], '--rules', file(PROGRAM));
  expect(lines.map(({ puppy }) => puppy.confidence)).toEqual(['gap', 'complete']);
});

describe('whatever else there is', () => {
  test('is left out, counted, and the first one named', async () => {
    const odd = ['no JSON', '[1]', '3', '{"event":{"action":"exec"}}', '['.repeat(200_000), '{"a":'.repeat(100_000)];
    const foreign = [exec(1, { event: { kind: 'event', action: 'executed' } }), exec(1, { puppy: { schema: 2 } })];
    const long = exec(2, { process: { args: ['x'.repeat(1 << 20)] } });
    const path = file(`\n${written([exec(0)])}${odd.join('\n')}\n${written([...foreign, long, exec(3)]).trimEnd()}`);
    const { code, lines, told } = await replay([path]);
    expect(lines.map(({ puppy }) => puppy.event?.id)).toEqual(['e0', 'e3', 'e3']);
    expect(told).toContain(`8 lines are no events of an agent and left out; the first is ${path}:3`);
    expect(told).toContain(`1 lines are longer than 1048576 bytes and left out; the first is ${path}:11`);
    expect(code).toBe(0);
  });

  test('a line of any shape is written as one of at most 30,000 bytes', () => {
    const context = ecsContext({ host: { id: 'h', name: 'h' }, agent: { id: 'a', version: '0' }, idsGiven: true });
    const names =
      'id pid args executable command_line parent entity_id name user ip port log file path records type'.split(' ');
    const leaf = fc.oneof(fc.string(), fc.double(), fc.constant('x'.repeat(40_000)), fc.boolean(), fc.constant(null));
    const value = fc.letrec(tie => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie('tree')),
        fc.dictionary(fc.constantFrom(...names), tie('tree')),
      ),
    })).tree;
    const action = fc.constantFrom('exec', 'exit', 'connect', 'login_failed', 'log_line', 'audit_event', 'exec_failed');
    const parts = fc.record({
      process: value,
      puppy: value,
      user: value,
      source: value,
      log: value,
      error: value,
      action,
    });
    fc.assert(
      fc.property(parts, value, ({ action, ...rest }, original) => {
        const event = { kind: 'event', action, id: original, original, outcome: original };
        const line = lineOf({ '@timestamp': '2026-01-01T00:00:00Z', ...rest, event });
        if (line === undefined || !('event' in line)) return;
        const text = toLine(line.event, undefined, context);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(30_000);
        expect(JSON.parse(text)).toHaveProperty('event.action', action);
      }),
    );
  });
});

describe('an input', () => {
  test('is told by its content, else by its name', async () => {
    const kind = async (content: string | Buffer, suffix = ''): Promise<string> =>
      (await inputOf(file(content, suffix))).kind;
    expect(await kind(written([exec(1)]))).toBe('events');
    expect(await kind(gzipSync(written([exec(1)])))).toBe('events');
    expect(await kind(`x${written([exec(1), exec(2)])}`, '.1')).toBe('events');
    expect(await kind('words\n', '.jsonl')).toBe('events');
    expect(await kind(readFileSync(LOGS[0]!), '.jsonl')).toBe('log');
    expect(await kind(AUTH, '.jsonl')).toBe('lines');
  });

  test('of events comes without logs, and standard input once', async () => {
    expect(replay([file(written([exec(1)])), LOGS[0]!])).rejects.toThrow('events are replayed without logs');
    expect(replay(['-', '-'])).rejects.toThrow('but once');
  });

  test('that is damaged: what comes before is judged', async () => {
    const packed = gzipSync(written(Array.from({ length: 20_000 }, (_, n) => exec(n))));
    const { code, lines, told } = await replay(
      [file(packed.subarray(0, packed.length - 100))],
      '--rules',
      file(PROGRAM),
    );
    expect(code).toBe(1);
    expect(lines.length).toBeGreaterThan(1_000);
    expect(told).toContain('unexpected end of file');
  });
});

import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reloadCommand } from '../../src/cli/reload.ts';
import { statusCommand } from '../../src/cli/status.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ControlServer } from '../../src/control/server.ts';
import { difference, type Running, refusal, Turns } from '../../src/reload.ts';
import { type ReloadAnswer, Reloads } from '../../src/reloads.ts';
import { FiredCounts } from '../../src/rules/fired.ts';
import { loadRuleset, loadRulesetInBackground } from '../../src/rules-loading.ts';
import type { Status } from '../../src/status.ts';
import { capture } from './capture.ts';

const root = mkdtempSync(join(tmpdir(), 'puppy-reload-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const rules = join(root, 'rules');
const configFile = join(root, 'config.yaml');
beforeEach(() => {
  rmSync(rules, { recursive: true, force: true });
  mkdirSync(rules);
  writeFileSync(configFile, `state_dir: ${root}/state\n`);
});

const idOf = (n: number): string => `0d1f7c6e-0000-4000-8000-00000000000${n}`;
const rule = (n: number, value = 'x'): string =>
  [
    `title: Rule ${n}`,
    `id: ${idOf(n)}`,
    'logsource: {category: process_creation, product: linux}',
    `detection: {selection: {CommandLine|contains: ${value}}, condition: selection}`,
    'level: medium',
    '',
  ].join('\n');
const BROKEN = 'title: Broken\ndetection: {condition: x}\n';
const put = (name: string, ...documents: readonly string[]): void =>
  writeFileSync(join(rules, name), documents.join('---\n'));

describe('whether a set takes the place of the running one', () => {
  const why = (before: () => void, after: () => void): string | undefined => {
    before();
    const running = loadRuleset([rules]);
    after();
    return refusal(running, loadRuleset([rules]));
  };

  test('right ones do, also where rules are gone', () => {
    const before = (): void => {
      put('a.yml', rule(1), rule(2));
      put('b.yml', rule(3));
    };
    expect(why(before, () => put('a.yml', rule(2, 'y')))).toBeUndefined();
    expect(why(before, () => rmSync(join(rules, 'b.yml')))).toBeUndefined();
  });

  test('a file that is wrong now keeps all of it out: one that was right, one that is new, a folder that is gone', () => {
    const before = (): void => put('a.yml', rule(1));
    expect(why(before, () => put('a.yml', BROKEN))).toContain('a.yml is wrong');
    rmSync(join(rules, 'a.yml'));
    expect(why(before, () => put('b.yml', BROKEN))).toContain('b.yml is wrong: the rules of before stay');
    rmSync(join(rules, 'b.yml'));
    expect(why(before, () => rmSync(rules, { recursive: true }))).toContain('is wrong');
  });

  test('a mistake that stood before is no reason, unless it takes a running rule along', () => {
    const before = (): void => {
      put('a.yml', rule(1), BROKEN);
      put('b.yml', rule(2));
    };
    expect(why(before, () => put('b.yml', rule(2, 'y'), rule(3)))).toBeUndefined();
    expect(why(before, () => put('a.yml', rule(1, 'y'), BROKEN, BROKEN))).toBeUndefined();
    expect(why(before, () => put('a.yml', BROKEN))).toContain('would take "Rule 1" along');
    expect(why(before, () => put('b.yml', BROKEN))).toContain('b.yml is wrong');
    expect(why(before, () => put('a.yml', rule(1)))).toBeUndefined();
  });
});

test('what changed is told by id, wherever a rule is; in the background the same is loaded', async () => {
  put('a.yml', rule(1), rule(2), rule(3));
  const running = loadRuleset([rules]);
  put('a.yml', rule(1), rule(2, 'y'), rule(4));
  const next = await loadRulesetInBackground([rules]);
  const named = (n: number) => [{ id: idOf(n), title: `Rule ${n}` }];
  expect(difference(running, next)).toEqual({ added: named(4), removed: named(3), changed: named(2) });
  rmSync(join(rules, 'a.yml'));
  put('z.yml', rule(4), rule(2, 'y'), rule(1).replace('medium', 'high'));
  expect(difference(next, loadRuleset([rules]))).toEqual({ added: [], removed: [], changed: named(1) });
});

test('reloads take turns: who asks during one gets another behind it, shared by all who ask', async () => {
  let begun = 0;
  const ends: (() => void)[] = [];
  const turns = new Turns(async () => {
    const mine = ++begun;
    await new Promise<void>(resolve => ends.push(resolve));
    if (mine === 1) throw new Error('first');
    return mine;
  });
  const first = turns.take();
  const later = [turns.take(), turns.take()];
  expect(begun).toBe(1);
  ends[0]!();
  await expect(first).rejects.toThrow('first');
  await Bun.sleep(1);
  const last = turns.take();
  ends[1]!();
  expect(await Promise.all(later)).toEqual([2, 2]);
  await Bun.sleep(1);
  ends[2]!();
  expect(await last).toBe(3);
});

test('rules that fired are counted; those that are gone are forgotten', () => {
  const fired = new FiredCounts();
  for (const id of ['a', 'b', 'b', 'c', 'c']) fired.add(id);
  expect([fired.of('b'), fired.of('x')]).toEqual([2, 0]);
  expect(fired.top(2)).toEqual([
    { id: 'b', count: 2 },
    { id: 'c', count: 2 },
  ]);
  fired.keep(new Set(['a', 'c', 'd']));
  expect(fired.top(9)).toEqual([
    { id: 'c', count: 2 },
    { id: 'a', count: 1 },
  ]);
});

/** An agent as far as reloads go. */
class Host {
  readonly told: string[] = [];
  readonly said: string[] = [];
  running: Running;
  readonly reloads: Reloads;

  constructor() {
    const reread = () => loadConfig({ file: configFile, env: {}, flags: { rules: [rules] } });
    const { config, settings } = reread();
    this.running = { configuration: { config: config!, settings: settings! }, rules: loadRuleset([rules]) };
    const tell = (message: string): void => void this.told.push(message);
    this.reloads = new Reloads({
      log: { error: tell, warning: tell, info: tell, debug: () => undefined },
      say: (kind, message) => this.said.push(`${kind}: ${message}`),
      running: () => this.running,
      reread,
      apply: next => {
        this.running = next;
        return [];
      },
      isEnding: () => false,
    });
  }
}

async function command(which: typeof reloadCommand): Promise<{ code: number; out: string; err: string }> {
  const { io, written } = capture();
  const code = await which.run(['--config', configFile], io);
  return { code, ...written() };
}

async function serving<T>(handlers: { reload?: () => unknown; status?: () => unknown }, body: () => Promise<T>) {
  const server = new ControlServer({ reload: () => 0, status: () => 0, rules: () => 0, ...handlers });
  await server.open([join(root, 'state/control.sock')]);
  try {
    return await body();
  } finally {
    server.close();
  }
}

describe('puppy-hids reload', () => {
  test('from a wrong file to a right one: places, what stays, what changed, exit codes, events', async () => {
    put('a.yml', rule(1));
    const host = new Host();
    const reload = () => serving({ reload: () => host.reloads.request() }, () => command(reloadCommand));
    const before = host.running.rules;
    put('a.yml', rule(1, 'y'));
    put('b.yml', BROKEN);
    const wrong = await reload();
    expect([wrong.code, wrong.out]).toEqual([2, '']);
    expect(wrong.err).toContain(`${join(rules, 'b.yml')}:1:1: error: structure`);
    expect(wrong.err).toContain('not reloaded');
    expect(host.running.rules).toBe(before);
    expect(host.said.length).toBeGreaterThan(0);
    expect(host.said.filter(line => !line.startsWith(`rule_rejected: ${join(rules, 'b.yml')}:`))).toEqual([]);
    host.said.length = 0;
    put('b.yml', rule(2));
    const right = await reload();
    expect([right.code, right.err]).toEqual([0, '']);
    expect(right.out).toBe(
      `2 rules loaded: 1 added, 0 removed, 1 changed; 2 can fire\n  added    Rule 2 (${idOf(2)})\n  changed  Rule 1 (${idOf(1)})\n`,
    );
    expect(host.said).toEqual(['rules_loaded: 2 rules loaded, 2 can fire']);
  });

  test('the configuration: wrong, taken over, and what needs a restart, told in the log once', async () => {
    put('a.yml', rule(1));
    const host = new Host();
    const reload = () => serving({ reload: () => host.reloads.request() }, () => command(reloadCommand));
    writeFileSync(configFile, `state_dir: ${root}/state\nheartbeat: 5s\nlabels: {site: a}\n`);
    for (const _ of [1, 2]) {
      const { code, out } = await reload();
      expect([code, out]).toEqual([0, expect.stringContaining('but need a restart: labels')]);
    }
    expect(host.running.configuration.config).toMatchObject({ heartbeatMs: 5_000, labels: {} });
    expect(host.told.filter(line => line.includes('restart'))).toHaveLength(1);
    const wrong = await serving(
      {
        reload: () => {
          writeFileSync(configFile, 'heartbeat: never\n');
          return host.reloads.request();
        },
      },
      () => command(reloadCommand),
    );
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('config.yaml:1:12: error')]);
    expect(host.running.configuration.config.heartbeatMs).toBe(5_000);
  });

  test('many mistakes and changes are cut, and titles steer no terminal', async () => {
    const answer: ReloadAnswer = {
      ...{ loaded: true, message: 'm', rules: 30, canFire: 30, taken: [], restart: [], errors: 130, notes: [] },
      problems: Array.from({ length: 100 }, () => 'p\x1b[2J'),
      changes: {
        added: Array.from({ length: 30 }, (_, i) => ({ id: `${i}`, title: 't\x1b]' })),
        removed: [],
        changed: [],
      },
    };
    const { out, err } = await serving({ reload: () => answer }, () => command(reloadCommand));
    expect(out).toContain('added    and 10 more\n');
    expect(err).toContain('and 30 more mistakes');
    expect(out + err).not.toContain('\x1b');
  });

  test('nobody there', async () => {
    const { code, err } = await command(reloadCommand);
    expect([code, err]).toEqual([1, expect.stringContaining(`no agent answers at ${root}/state/control.sock`)]);
  });
});

test('puppy-hids status', async () => {
  const status: Status = {
    ...{ version: '1.2.3', pid: 7, startedMs: 0, sources: ['audit'], mode: 'share', kernelRules: 9 },
    rules: { loaded: 3, canFire: 2, rejected: 1 },
    fired: [{ id: idOf(1), title: 'Rule\x07 1', count: 5 }],
    counters: {
      uptime_s: 90_061,
      audit: { events: 100, missing: 4, kernelLost: 0 },
      pipeline: { alerts: 5 },
      outputs: { stdout: { written: 12, heldBack: 3, dropped: 1 } },
      memory: { rss_bytes: 80 * 2 ** 20 },
      cpu: { user_ms: 1_000, system_ms: 500 },
    },
  };
  const { code, out } = await serving({ status: () => status }, () => command(statusCommand));
  expect(code).toBe(0);
  expect(out.split('\n')).toEqual([
    'agent    puppy-hids 1.2.3, pid 7, mode share, up 1 d 1 h',
    'rules    3 loaded, 2 can fire, 1 rejected',
    'sources  audit',
    "kernel   9 audit rules of the agent's",
    'events   100 from audit, 5 alerts',
    'lost     4 events in the socket',
    'output   stdout: 12 lines, 3 alerts held back by level, 1 dropped',
    'memory   80 MiB',
    'cpu      1.5 s',
    `fired    5 times Rule\\x07 1 (${idOf(1)})`,
    '',
  ]);
});

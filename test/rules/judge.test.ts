import { describe, expect, test } from 'bun:test';
import type { ExecEvent, RecordView } from '../../src/core/event.ts';
import type { Alert } from '../../src/core/match.ts';
import type { Correlation, Rule } from '../../src/rules/ast.ts';
import { Correlator } from '../../src/rules/correlate/correlator.ts';
import { Suppress } from '../../src/rules/gates/suppress.ts';
import { TermTable } from '../../src/rules/gates/term-table.ts';
import { Judge } from '../../src/rules/judge.ts';
import { KeptEvents } from '../../src/rules/kept-events.ts';
import { compileRuleset, type Ruleset } from '../../src/rules/ruleset.ts';
import { eventSubject } from '../../src/rules/subject.ts';
import { exec, record, rule } from './helpers.ts';

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const curl = (puppy?: object, extra: object = {}): Rule =>
  rule({
    detection: { sel: { 'Image|endswith': '/curl' }, condition: 'sel' },
    extra: { ...(puppy === undefined ? {} : { puppy }), ...extra },
  });

/** `timeMs` after some day; each event is another. */
let serial = 0;
function ran(image: string, timeMs: number, parts: { cwd?: string; records?: readonly RecordView[] } = {}): ExecEvent {
  const { cwd, records } = parts;
  const event = exec({ executable: image, ...(cwd === undefined ? {} : { cwd }) }, undefined, records);
  const at = 1_800_000_000_000 + timeMs;
  return { ...event, timeMs: at, createdMs: at, stamp: `1.000:${++serial}` };
}

class Bench {
  readonly judge = new Judge({ terms: new TermTable(), correlator: new Correlator({ maxBytes: 1 << 20 }) });
  #ruleset: Ruleset = compileRuleset([]);

  constructor(rules: readonly Rule[], correlations: readonly Correlation[] = []) {
    this.load(rules, correlations);
  }

  load(rules: readonly Rule[], correlations: readonly Correlation[] = []): void {
    this.#ruleset = compileRuleset(rules);
    this.judge.setRules(rules, correlations);
  }

  see(event: ExecEvent): readonly Alert[] {
    return this.judge.judge(event, this.#ruleset.evaluate(event));
  }

  titles(event: ExecEvent): string[] {
    return this.see(event).map(({ match }) => match.rule.title);
  }
}

describe('suppress', () => {
  const suppress = { 'group-by': ['CurrentDirectory'], timespan: '10m' };

  test('one alert for each group and window; the next says how many were held back', () => {
    const bench = new Bench([curl({ suppress })]);
    const alert = (timeMs: number, cwd?: string): unknown =>
      bench
        .see(ran('/usr/bin/curl', timeMs, cwd === undefined ? {} : { cwd }))
        .map(({ match }) => match.suppressed ?? 0);
    expect(alert(0, '/a')).toEqual([0]);
    expect(alert(1, '/a')).toEqual([]);
    expect(alert(2, '/b')).toEqual([0]);
    expect(alert(10 * MINUTE - 1, '/a')).toEqual([]);
    expect(alert(10 * MINUTE, '/a')).toEqual([2]);
    expect(alert(20 * MINUTE, '/a')).toEqual([0]);
    // A missing field: not suppressed.
    expect(alert(20 * MINUTE)).toEqual([0]);
    expect(alert(20 * MINUTE)).toEqual([0]);
  });

  test('a reload keeps the state of a rule that is the same, and of no other', () => {
    const bench = new Bench([curl({ suppress })]);
    const seen = (timeMs: number): number => bench.see(ran('/usr/bin/curl', timeMs, { cwd: '/a' })).length;
    expect(seen(0)).toBe(1);
    bench.load([curl({ suppress })]);
    expect(seen(1)).toBe(0);
    bench.load([curl({ suppress: { ...suppress, timespan: '11m' } })]);
    expect(seen(2)).toBe(1);
  });

  test('groups are bounded; what no alert will tell of is counted', () => {
    const gate = new Suppress(2);
    const [one] = [curl({ suppress })];
    const pass = (value: string): unknown => gate.pass(one!, () => [value], 0);
    expect([pass('a'), pass('a'), pass('b'), pass('c'), pass('a')]).toEqual([{}, undefined, {}, {}, {}]);
    expect(gate.counters()).toEqual({ groups: 2, held_back: 1, evicted: 2, untold: 1 });
  });
});

describe('new_terms', () => {
  const terms = { fields: ['Image', 'CurrentDirectory'], learn: '1h', forget: '2h' };

  test('learns, then alerts on what is new, until it is forgotten', () => {
    const bench = new Bench([curl({ new_terms: terms })]);
    const seen = (timeMs: number, cwd?: string): unknown =>
      bench.see(ran('/usr/bin/curl', timeMs, cwd === undefined ? {} : { cwd })).map(({ match }) => match.newTerms);
    expect(seen(0, '/a')).toEqual([]);
    expect(seen(HOUR - 1, '/b')).toEqual([]);
    expect(seen(HOUR, '/a')).toEqual([]);
    expect(seen(HOUR, '/c')).toEqual([{ Image: '/usr/bin/curl', CurrentDirectory: '/c' }]);
    expect(seen(HOUR, '/c')).toEqual([]);
    expect(seen(HOUR)).toEqual([]);
    expect(seen(3 * HOUR + 1, '/c')).toEqual([{ Image: '/usr/bin/curl', CurrentDirectory: '/c' }]);
  });

  test('a clock that was ahead begins the learning anew', () => {
    const table = new TermTable();
    const asked = { key: 'r', learnMs: HOUR };
    expect(table.see(asked, ['a'], 1_000 * HOUR)).toBe('learning');
    expect(table.see(asked, ['b'], 0)).toBe('learning');
    expect(table.see(asked, ['c'], 2 * HOUR)).toBe('new');
  });

  test('what is held is bounded, the longest unseen goes first', () => {
    const table = new TermTable({ perRuleMax: 2, totalMax: 3 });
    const see = (key: string, term: string): string => table.see({ key, learnMs: 0 }, [term], 0);
    expect(['a', 'b', 'a', 'c', 'a', 'b'].map(term => see('r', term))).toEqual(
      ['new', 'new', 'known', 'new', 'known', 'new'], // b went for c
    );
    expect([see('s', 'x'), see('s', 'y'), see('r', 'b')]).toEqual(['new', 'new', 'known']);
    expect(table.counters()).toEqual({ combinations: 3, evicted: 3, forgotten: 0 });
  });

  test('values of many are one combination, not a million', () => {
    const bench = new Bench([curl({ new_terms: { fields: ['process.args', 'process.args'], learn: '1s' } })]);
    const args = Array.from({ length: 1_000 }, (_, i) => `${i}`);
    bench.see(exec({ executable: '/usr/bin/curl', args }));
    expect(bench.judge.counters()).toMatchObject({ new_terms: { combinations: 1 } });
  });
});

const correlation = (rules: Correlation['rules'], parts: Partial<Correlation> = {}): Correlation => ({
  info: { ...curl().info, id: 'c1', title: 'a correlation' },
  type: 'event_count',
  ...{ rules, groupBy: ['CurrentDirectory'], aliases: new Map(), timespanMs: MINUTE },
  ...{ conditions: [{ operator: 'gte', value: 3 }], conditionText: '>= 3', fields: [], falsePositives: [] },
  digest: 'd',
  ...parts,
});

describe('correlations', () => {
  test('alert with the event that completed them; a silent rule says nothing by itself', () => {
    const loud = curl();
    const silent: Rule = { ...loud, silent: true };
    const atEach = [0, 1, 2].map(s => ran('/usr/bin/curl', s * SECOND, { cwd: '/a' }));
    const bench = new Bench([silent], [correlation([silent])]);
    const alerts = atEach.flatMap(event => bench.see(event));
    expect(alerts).toHaveLength(1);
    expect(alerts[0]!.event).toBe(atEach[2]!);
    expect(alerts[0]!.match).toMatchObject({
      rule: { id: 'c1' },
      conditions: [{ field: 'Image', value: '/usr/bin/curl' }],
      correlation: { value: 3, group: { CurrentDirectory: '/a' }, events: atEach.map(({ stamp }) => ({ stamp })) },
    });
    const open = new Bench([loud], [correlation([loud])]);
    expect(atEach.flatMap(event => open.titles(event))).toEqual(['a rule', 'a rule', 'a rule', 'a correlation']);
  });

  test('a window that ends alerts with its last event, without the records that are gone', () => {
    const base: Rule = { ...curl(), silent: true };
    const few = correlation([base], { conditions: [{ operator: 'lt', value: 3 }], conditionText: '< 3' });
    const bench = new Bench([base], [few]);
    const event = ran('/usr/bin/curl', 0, { cwd: '/a', records: [record('SYSCALL', {})] });
    expect(bench.see(event)).toEqual([]);
    expect(bench.see(ran('/bin/ls', MINUTE))).toEqual([]);
    const [alert, ...none] = bench.see(ran('/bin/ls', 2 * MINUTE));
    expect(none).toEqual([]);
    expect(alert!.event).toMatchObject({ kind: 'exec', stamp: event.stamp, process: event.process });
    expect(alert!.event.records).toBeUndefined();
    expect(alert!.match.conditions).toHaveLength(1);
    // The clock does it as well.
    bench.see(ran('/usr/bin/curl', 3 * MINUTE, { cwd: '/a' }));
    expect(bench.judge.tick(1_800_000_000_000 + 10 * MINUTE)).toHaveLength(1);
  });

  test('an event from the future counts when it was read', () => {
    const base = curl();
    const bench = new Bench([base], [correlation([base], { conditions: [{ operator: 'lt', value: 3 }] })]);
    bench.see(ran('/usr/bin/curl', 0, { cwd: '/a' }));
    const early = ran('/bin/ls', SECOND);
    expect(bench.see({ ...early, timeMs: early.timeMs + 10 * HOUR })).toEqual([]);
  });

  test('what new_terms holds back is not counted; suppress holds for correlations too', () => {
    const knows: Rule = { ...curl({ new_terms: { fields: ['Image'], learn: '1s' } }), silent: true };
    const bench = new Bench([knows], [correlation([knows])]);
    expect([0, 1, 2].flatMap(s => bench.titles(ran('/usr/bin/curl', s * SECOND, { cwd: '/a' })))).toEqual([]);
    const base: Rule = { ...curl(), silent: true };
    const suppress = { groupBy: ['CurrentDirectory'], timespanMs: HOUR };
    const puppy = { tests: [], range: [0, 0] as const, suppress };
    const quiet = new Bench([base], [correlation([base], { puppy })]);
    const burst = (minute: number): string[] =>
      [0, 1, 2].flatMap(s => quiet.titles(ran('/usr/bin/curl', minute * MINUTE + s * SECOND, { cwd: '/a' })));
    expect([burst(0), burst(10), burst(70)].map(titles => titles.length)).toEqual([1, 0, 1]);
  });
});

test('events that are kept are bounded; of one that is gone its name is left', () => {
  const kept = new KeptEvents(8_000);
  const [big, small] = [exec({ commandLine: 'x'.repeat(1_500) }), exec({ commandLine: 'y' })];
  const { info } = curl();
  kept.keep({ ...big, stamp: '1' }, { rule: info, conditions: [] });
  kept.keep({ ...small, stamp: '2' }, { rule: info, conditions: [] });
  expect(kept.evicted).toBe(1);
  expect(kept.get({ ...small, stamp: '2' }, 5).event).toMatchObject({ kind: 'exec', stamp: '2' });
  expect(kept.get({ ...big, stamp: '1' }, 5)).toEqual({
    event: {
      kind: 'audit_event',
      module: 'audit',
      stamp: '1',
      ordinal: 0,
      timeMs: 5,
      createdMs: 5,
      warnings: ['event_not_kept'],
    },
  });
});

test("a record's rule reads the records that matched, else the others of the event", () => {
  const path = rule({
    logsource: { product: 'linux', service: 'auditd' },
    detection: { sel: { name: '/x' }, condition: 'sel' },
  });
  const records = [
    record('SYSCALL', { auid: '7', exe: '/bin/cp' }),
    record('PATH', { name: '/y' }),
    record('PATH', { name: '/x' }),
  ];
  const event = exec({}, undefined, records);
  const subject = eventSubject(path, event, { rule: path.info, conditions: [], records: [2] });
  expect([subject('name'), subject('auid'), subject('nothing')]).toEqual([['/x'], ['7'], []]);
});

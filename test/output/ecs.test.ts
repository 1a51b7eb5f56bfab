import { describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv from 'ajv';
import fc from 'fast-check';
import type { AnyEvent, Kind, LossEvent, ProcessImage } from '../../src/core/event.ts';
import { threatOf } from '../../src/output/ecs/alert.ts';
import { eventId } from '../../src/output/ecs/context.ts';
import { cutToJsonBytes, cutUnits, jsonBytes, toJson, visible } from '../../src/output/ecs/json.ts';
import { toEcs, toLine } from '../../src/output/ecs/line.ts';
import { LossWindows } from '../../src/output/ecs/loss-windows.ts';
import { eventsSchema } from '../../src/output/ecs/schema.ts';
import { context, curl, init, MATCH, record, SAMPLES, process as sample, shell } from './samples.ts';

const SHARED = process.env.PUPPY_SHARED_DATA ?? join(import.meta.dir, '../../../shared/data');
const CHECKER = join(SHARED, '../tools/ecs_check.py');
const FIXTURES = join(import.meta.dir, 'fixtures');

const validator = new Ajv({ allErrors: true }).compile(eventsSchema());
const validate = (value: unknown): boolean => validator(value);

/** What a terminal or a reader of lines could trip over. */
const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

function check(line: string, max = 30_000): Record<string, unknown> {
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(max);
  expect(DANGEROUS.test(line)).toBe(false);
  const bytes = Buffer.from(line);
  expect(bytes.toString('utf8')).toBe(line); // no lone surrogate
  const parsed: Record<string, unknown> = JSON.parse(line);
  if (!validate(parsed)) throw new Error(`${JSON.stringify(validator.errors?.slice(0, 3))} in ${line.slice(0, 2_000)}`);
  return parsed;
}

/** Events that are odd in some way, beside one of every kind. */
function oddEvents(): AnyEvent[] {
  const image = (fields: Partial<ProcessImage>): ProcessImage => ({
    pid: 7,
    entitySeed: '7:x',
    origin: 'audit',
    ...fields,
  });
  const run = (fields: Partial<ProcessImage>): AnyEvent =>
    ({ ...SAMPLES.exec, process: { image: image(fields), ancestors: [] } }) as AnyEvent;
  return [
    run({}),
    run({ args: [''], argsCount: 1, commandLine: '' }),
    run({ args: ['-'], argsCount: 1, commandLine: '-', executable: '/tmp/-', comm: '-' }),
    run({ executable: '/', cwd: '', comm: '(null)', tty: '?' }),
    run({
      args: ['\u0000\u001b[2J\u202e\u2028\ud800x', '\udc00'],
      commandLine: '\u009b31m\u007f',
      executable: '/tmp/\n"\\',
    }),
    run({ args: ['a'], argsCount: 70_000 }),
    run({ startMs: Number.NaN, login: {}, credentials: {} }),
    { ...SAMPLES.connect, destination: { ip: 'not an address', port: 1 }, source: {} } as AnyEvent,
    { ...SAMPLES.connect, destination: { ip: 'fe80::1%eth0' } } as AnyEvent,
    { ...SAMPLES.logged_in, target: { name: '' }, address: '?', terminal: '(none)' } as AnyEvent,
    { ...SAMPLES.exec, timeMs: 9e18 } as AnyEvent,
    { ...SAMPLES.exec, timeMs: -1, createdMs: Number.POSITIVE_INFINITY } as AnyEvent,
    {
      ...SAMPLES.agent_started,
      details: { ['__proto__']: 'x', big: 10n, none: 'none', list: [null, 1, 'a'.repeat(50_000)] },
    } as AnyEvent,
    { ...SAMPLES.exec, warnings: ['a', 'b'], process: { image: curl, ancestors: [], parentPid: 9 } } as AnyEvent,
  ];
}

const kinds = Object.keys(SAMPLES) as Kind[];

describe('one line per event', () => {
  for (const kind of kinds) {
    test(`${kind} as event and as alert fits the schema`, () => {
      const ctx = context();
      const event = check(toLine(SAMPLES[kind], undefined, ctx));
      const alert = check(toLine(SAMPLES[kind], MATCH, ctx));
      expect(event).toMatchObject({ event: { action: kind } });
      expect(alert).toMatchObject({
        event: { action: kind, kind: 'alert', severity: 73, dataset: 'puppy_hids.alerts' },
      });
      expect((alert.puppy as { event: { id: string } }).event.id).toBe((event.event as { id: string }).id);
      expect((alert.event as { id: string }).id).not.toBe((event.event as { id: string }).id);
    });
  }

  test('odd events too', () => {
    for (const event of oddEvents()) {
      check(toLine(event, undefined, context()));
      check(toLine(event, MATCH, context({ records: true })));
    }
  });

  test('golden lines', () => {
    const update = process.env.UPDATE_GOLDEN === '1';
    for (const kind of kinds) {
      for (const [name, match] of [
        ['event', undefined],
        ['alert', MATCH],
      ] as const) {
        if (match !== undefined && !['exec', 'connect', 'login_failed', 'audit_event', 'log_line'].includes(kind))
          continue;
        const text = `${JSON.stringify(JSON.parse(toLine(SAMPLES[kind], match, context())), null, 2)}\n`;
        const file = join(FIXTURES, `${kind}.${name}.golden.json`);
        if (update) writeFileSync(file, text);
        else expect(`${kind} ${readFileSync(file, 'utf8')}`).toBe(`${kind} ${text}`);
      }
    }
    // None is forgotten: each file is one of a kind.
    for (const file of readdirSync(FIXTURES)) expect(kinds).toContain(file.split('.')[0] as Kind);
  });

  test('is accepted by the ECS checker (where the shared data is)', () => {
    if (!existsSync(CHECKER) || !existsSync('/usr/bin/python3')) {
      console.warn(`not run: ${CHECKER} is not there; the schema above is the smaller check`);
      return;
    }
    const lines = [...kinds.map(kind => SAMPLES[kind]), ...oddEvents()].flatMap(event => [
      toLine(event, undefined, context()),
      toLine(event, MATCH, context({ records: true })),
    ]);
    const dir = mkdtempSync(join(tmpdir(), 'puppy-ecs-'));
    writeFileSync(join(dir, 'lines.jsonl'), `${lines.join('\n')}\n`);
    const run = Bun.spawnSync([
      '/usr/bin/python3',
      CHECKER,
      join(SHARED, 'ecs/ecs_flat.yml'),
      join(dir, 'lines.jsonl'),
    ]);
    rmSync(dir, { recursive: true });
    expect(run.stdout.toString() + run.stderr.toString()).toBe(`${lines.length} lines, 0 kinds of fault\n`);
  });
});

describe('facts', () => {
  test('ids: the same input gives the same id, another host, stamp or ordinal another', () => {
    const id = (event: AnyEvent, host = 'h'): string => eventId(event, context({ host: { id: host, name: 'x' } }));
    const { exec } = SAMPLES;
    expect(id(exec)).toBe(id({ ...exec }));
    const others = [
      id(exec, 'i'),
      id({ ...exec, ordinal: 1 }),
      id({ ...exec, stamp: '1700000000.123:78' }),
      id({ ...exec, module: 'logs' }),
    ];
    expect(new Set([id(exec), ...others]).size).toBe(5);
  });

  test('an alert of records carries those it matched; --records all of them', () => {
    const match = { ...MATCH, records: [1] };
    expect(toEcs(SAMPLES.exec, match, context()).puppy).toMatchObject({
      audit: { records: [{ type: 'EXECVE', a0: 'curl' }] },
    });
    expect(toEcs(SAMPLES.exec, MATCH, context()).puppy).not.toHaveProperty('audit');
    const all = toEcs(SAMPLES.exec, undefined, context({ records: true })).puppy as { audit: { records: unknown[] } };
    expect(all.audit.records).toHaveLength(2);
  });

  test('a name like __proto__ in a record is only a name', () => {
    const event = { ...SAMPLES.exec, records: [record('X', JSON.parse('{"__proto__":"a","constructor":"b"}'))] };
    expect(toLine(event, undefined, context({ records: true }))).toContain(
      '{"type":"X","__proto__":"a","constructor":"b"}',
    );
  });

  test('an alert over a loss has a gap', () => {
    const windows = new LossWindows();
    const loss = SAMPLES.loss as LossEvent;
    windows.add(loss.loss);
    windows.add({ ...loss.loss, source: 'output', reason: 'queue' });
    const ctx = context({ overlappingLoss: timeMs => windows.overlapping(timeMs) });
    expect(toEcs(SAMPLES.exec, MATCH, ctx).puppy).toMatchObject({
      confidence: 'gap',
      gap: { reason: 'socket', count: 12 },
    });
    expect(toEcs({ ...SAMPLES.exec, timeMs: 1_700_000_002_000 }, MATCH, ctx).puppy).toMatchObject({
      confidence: 'complete',
    });
  });

  test('tags become tactics, techniques and sub-techniques; the rest stay tags', () => {
    expect(
      threatOf(['attack.t1059.004', 'attack.Execution', 'attack.t9999', 'attack.t1059.999', 'attack.constructor', 'x']),
    ).toEqual({
      threat: {
        framework: 'MITRE ATT&CK',
        tactic: { id: ['TA0002'], name: ['Execution'] },
        technique: {
          id: ['T1059'],
          name: ['Command and Scripting Interpreter'],
          subtechnique: { id: ['T1059.004'], name: ['Unix Shell'] },
        },
      },
      tags: ['attack.t9999', 'attack.t1059.999', 'attack.constructor', 'x'],
    });
  });

  test('every ATT&CK tag of the shared Sigma rules is known, but for groups and software', () => {
    const root = join(SHARED, 'sigma/rules');
    if (!existsSync(root)) {
      console.warn(`not run: ${root} is not there`);
      return;
    }
    const tags = new Set<string>();
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.yml')) continue;
      for (const [tag] of readFileSync(join(root, file), 'utf8').matchAll(/\battack\.[a-z0-9._-]+/g)) tags.add(tag);
    }
    expect(tags.size).toBeGreaterThan(100);
    expect(threatOf([...tags]).tags.filter(tag => !/^attack\.[gs]\d{4}$/.test(tag))).toEqual([]);
  });

  test('the message is one readable line', () => {
    const nasty = { ...curl, commandLine: 'curl \u001b[31m\n\u202eevil\ud800' };
    const message = toEcs({ ...SAMPLES.exec, process: { ...sample, image: nasty } }, MATCH, context()).message;
    expect(message).toBe(
      'Download piped into a shell: root (login alice) ran "curl \\x1b[31m\\n\\u202eevil\\ud800" (/usr/bin/curl, pid 4243) from dash (pid 4242)',
    );
  });
});

describe('length', () => {
  const heavy = (args: string[], ancestors = [shell, init]): AnyEvent => ({
    ...SAMPLES.exec,
    process: { image: { ...curl, args, argsCount: args.length, commandLine: args.join(' ') }, ancestors },
  });

  test('70,000 arguments: cut, counted, told, and most of the line is used', () => {
    const line = toLine(heavy(Array.from({ length: 70_000 }, (_, i) => `arg${i}`)), MATCH, context());
    const parsed = check(line) as {
      process: { args: string[]; args_count: number; command_line: string };
      puppy: { warnings: string[] };
    };
    expect(parsed.process.args_count).toBe(70_000);
    expect(parsed.process.args.slice(0, 3)).toEqual(['arg0', 'arg1', 'arg2']);
    expect(parsed.process.command_line.startsWith('arg0 arg1 ')).toBe(true);
    expect(parsed.puppy.warnings).toEqual(['argv_truncated']);
    expect(line.length).toBeGreaterThan(25_000);
  });

  test('70,000 empty arguments, huge control characters, huge ancestors, emoji cut at every place', () => {
    check(toLine(heavy(Array.from({ length: 70_000 }, () => '')), MATCH, context()));
    check(toLine(heavy(['\u0000'.repeat(131_000), '\u202e'.repeat(131_000)]), MATCH, context()));
    const ancestor = { ...shell, commandLine: '\u0001'.repeat(100_000), executable: '\u0002'.repeat(4_000) };
    check(toLine(heavy(['x'], Array(16).fill(ancestor)), MATCH, context()));
    for (let i = 0; i < 8; i++) check(toLine(heavy([`${'x'.repeat(i)}${'😀'.repeat(20_000)}`]), MATCH, context()));
  });

  test('a line that just fits is whole', () => {
    const size = (n: number): number =>
      Buffer.byteLength(toLine(heavy(['x'.repeat(n)]), undefined, context({ maxLineBytes: 1_000_000 })));
    const n = Math.floor((30_000 - (size(100) - 200)) / 2);
    for (const [extra, cut] of [
      [-2, false],
      [2, true],
    ] as const) {
      const parsed = check(toLine(heavy(['x'.repeat(n + extra)]), undefined, context())) as {
        puppy: { warnings?: string[] };
      };
      expect(parsed.puppy.warnings !== undefined).toBe(cut);
    }
  });

  test('everything else huge as well', () => {
    const nasty = '\u0000'.repeat(5_000);
    const image = {
      ...curl,
      executable: nasty,
      cwd: nasty,
      comm: nasty,
      tty: nasty,
      invoked: Array(100).fill(nasty),
      args: [nasty],
      commandLine: nasty,
    };
    const match = {
      ...MATCH,
      rule: {
        ...MATCH.rule,
        id: nasty,
        title: nasty,
        description: nasty,
        authors: Array(200).fill(nasty),
        tags: Array(500).fill(nasty),
        file: nasty,
      },
      conditions: Array(500).fill({ selection: nasty, field: nasty, modifier: nasty, pattern: nasty, value: nasty }),
      records: [0, 1],
    };
    const records = Array(300).fill(
      record('EXECVE', Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`a${i}`, nasty]))),
    );
    const event = {
      ...SAMPLES.exec,
      records,
      warnings: Array(200).fill('w'),
      errorCode: nasty,
      process: { image, ancestors: Array(16).fill(image) },
    } as AnyEvent;
    const labels = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`label${i}`, nasty]));
    const host = { id: nasty, name: nasty, hostname: nasty, architecture: nasty };
    for (const max of [8_192, 30_000]) {
      const ctx = context({ labels, host, records: true, maxLineBytes: max });
      check(toLine(event, match, ctx), max);
      check(
        toLine(
          { ...SAMPLES.agent_started, message: nasty, details: { list: Array(9_000).fill(nasty) } } as AnyEvent,
          undefined,
          ctx,
        ),
        max,
      );
      check(
        toLine(
          {
            ...SAMPLES.heartbeat,
            counters: Object.fromEntries(Array.from({ length: 9_000 }, (_, i) => [`c${i}`, i])),
          } as AnyEvent,
          undefined,
          ctx,
        ),
        max,
      );
    }
  });
});

const nastyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)) }),
  fc.constantFrom('', '-', '(null)', '\u202e', '\ud800', '😀', '\u007f\u0085\u2028', '"\\'),
  fc
    .tuple(fc.constantFrom('\u0000', 'é', '😀', '"', '\u2028', 'a', '\udc00'), fc.nat(9_000))
    .map(([unit, n]) => unit.repeat(n)),
);

describe('laws', () => {
  test('jsonBytes is what toJson writes; a cut fits, is a prefix, is the longest, and splits no pair', () => {
    fc.assert(
      fc.property(nastyText, fc.nat(200), (text, max) => {
        expect(jsonBytes(text)).toBe(Buffer.byteLength(toJson(text)) - 2);
        expect(JSON.parse(toJson(text))).toBe(text);
        expect(DANGEROUS.test(visible(text))).toBe(false);
        const cut = cutToJsonBytes(text, max);
        expect(text.startsWith(cut)).toBe(true);
        expect(jsonBytes(cut)).toBeLessThanOrEqual(max);
        const next = String.fromCodePoint(text.codePointAt(cut.length) ?? 0x20);
        if (cut.length < text.length) expect(jsonBytes(cut + next)).toBeGreaterThan(max);
        if (max > 0) expect(cutUnits(text, max).length).toBeLessThanOrEqual(max);
      }),
      { numRuns: 500 },
    );
  });

  test('any event is one valid line within its length', () => {
    const image = fc.record(
      {
        pid: fc.nat(),
        entitySeed: fc.string(),
        origin: fc.constant('audit' as const),
        executable: nastyText,
        comm: nastyText,
        cwd: nastyText,
        commandLine: nastyText,
        args: fc.array(nastyText, { maxLength: 50 }),
        argsCount: fc.nat(),
        invoked: fc.array(nastyText, { maxLength: 5 }),
        tty: nastyText,
        startMs: fc.double(),
        foreignRoot: fc.boolean(),
        credentials: fc.record({
          uid: fc.record({ id: fc.nat(), name: nastyText }),
          euid: fc.record({ id: fc.nat() }),
        }),
        login: fc.record(
          { auid: fc.record({ id: fc.nat(), name: nastyText }), terminal: nastyText, address: nastyText },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: ['pid', 'entitySeed', 'origin'] },
    );
    const run = fc.record({ image, ancestors: fc.array(image, { maxLength: 16 }), parentPid: fc.nat() });
    const conditions = fc.array(
      fc.record({ selection: nastyText, field: nastyText, pattern: nastyText, value: nastyText }),
      { maxLength: 9 },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        run,
        fc.double(),
        nastyText,
        conditions,
        fc.boolean(),
        fc.constantFrom(8_192, 30_000),
        (kind, process, timeMs, text, matched, alert, max) => {
          const event = {
            ...SAMPLES[kind],
            timeMs,
            ...('process' in SAMPLES[kind] && { process }),
            ...('message' in SAMPLES[kind] && { message: text, details: { text, list: [text] } }),
            ...('address' in SAMPLES[kind] && { address: text, terminal: text, target: { name: text } }),
            errorCode: text,
            stamp: text,
          } as AnyEvent;
          const match = {
            ...MATCH,
            rule: { ...MATCH.rule, title: text || 'x', tags: [text] },
            conditions: matched.map(c => ({ ...c, field: c.field || 'x' })),
          };
          const line = toLine(event, alert ? match : undefined, context({ maxLineBytes: max }));
          check(line, max);
        },
      ),
      { numRuns: 400 },
    );
  });
});

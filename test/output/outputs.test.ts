import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Level } from '../../src/core/event.ts';
import { parseDuration, parseSize } from '../../src/core/units.ts';
import { Outputs, openOutputs } from '../../src/output/outputs.ts';
import { LineQueue } from '../../src/output/queue.ts';
import { type Channel, Sink } from '../../src/output/sink.ts';
import { type OutputSpec, parseOutputSpec } from '../../src/output/spec.ts';

describe('sizes and durations', () => {
  test('with their units', () => {
    expect(['512', '1kB', '64KiB', '20MiB', '1.5GiB', '1 GB', '2M'].map(parseSize)).toEqual([
      512, 1_000, 65_536, 20_971_520, 1_610_612_736, 1_000_000_000, 2_097_152,
    ]);
    expect(['500ms', '60s', '1m', '12h', '7d', '2w', '1.5s'].map(parseDuration)).toEqual([
      500, 60_000, 60_000, 43_200_000, 604_800_000, 1_209_600_000, 1_500,
    ]);
  });
  test('nothing else', () => {
    expect(['', 'x', '-1', '1XB', '1e3', '0x10', '1MiBs', '1constructor'].map(parseSize)).toEqual(
      Array(8).fill(undefined),
    );
    expect(['', '60', '1y', '-1s', '1 m s', 's'].map(parseDuration)).toEqual(Array(6).fill(undefined));
  });
});

describe('the text of an output', () => {
  const spec = (text: string): unknown => {
    const parsed = parseOutputSpec(text);
    return 'spec' in parsed ? parsed.spec : parsed.errors;
  };
  test('with its settings', () => {
    expect(spec('stdout')).toEqual({ type: 'stdout' });
    expect(spec('-')).toEqual({ type: 'stdout' });
    expect(spec('stdout?min_level=high&kind=alert,metric&max_line=20000&queue=1MiB')).toEqual({
      type: 'stdout',
      minLevel: 'high',
      kinds: ['alert', 'metric'],
      maxLineBytes: 20_000,
      queueBytes: 1_048_576,
    });
    expect(spec('file:/var/log/a%3Fb.jsonl?max_size=10MiB&max_age=7d&keep=0')).toEqual({
      type: 'file',
      path: '/var/log/a?b.jsonl',
      maxSizeBytes: 10_485_760,
      maxAgeMs: 604_800_000,
      keep: 0,
    });
    expect(spec('file:///x')).toEqual({ type: 'file', path: '/x' });
  });
  test('every mistake is told', () => {
    expect(spec('stdout?min_level=loud&keep=1&foo=1&kind=x&kind=alert')).toEqual([
      'min_level: "loud" is not one of informational, low, medium, high, critical',
      'setting "keep" is for file: only',
      'setting "foo" is unknown (min_level, kind, max_line, queue)',
      'kind: "x" is not a list of event, alert, state, metric',
      'setting "kind" is given twice',
    ]);
    expect(spec('file:')).toEqual(['file: needs the path of a file, as in file:/var/log/puppy-hids/alerts.jsonl']);
    expect(spec('file:/x?keep')).toEqual(['setting "keep" has no value: keep=…']);
    expect(spec('file:/x?max_size=1&max_age=5')).toEqual([
      'max_size: at least 65536 bytes',
      'max_age: "5" is not a duration such as 12h or 7d',
    ]);
    expect(spec('/var/log/x')).toEqual(['unknown output "/var/log/x": did you mean file:/var/log/x?']);
    expect(spec('https://h/x?y=z')).toEqual(['webhooks are not available in this version: use stdout or file:PATH']);
  });
  test('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map(s => `file:/x?${s}`),
        ),
        text => parseOutputSpec(text) !== undefined,
      ),
    );
  });
});

test('a queue gives back what it took, in order, within its bounds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant(undefined))),
      fc.integer({ min: 1, max: 200 }),
      (steps, max) => {
        const queue = new LineQueue(max, 10);
        const model: string[] = [];
        const got: string[] = [];
        const taken: string[] = [];
        for (const step of steps) {
          if (step === undefined) {
            const batch = queue.take(3, 50);
            if (batch !== undefined) taken.push(batch.buffer.toString());
            got.push(...model.splice(0, batch?.lines ?? 0));
          } else if (queue.push(step, Buffer.byteLength(step) + 1)) model.push(step);
          const bytes = model.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
          if (queue.bytes !== bytes || queue.length !== model.length || bytes > max || model.length > 10) return false;
        }
        return taken.join('') === got.map(line => `${Buffer.from(line)}\n`).join('');
      },
    ),
  );
});

/** Keeps what it is given, or fails. */
class Memory implements Channel {
  text = '';
  fails = false;
  write(buffer: Buffer, offset: number): number {
    if (this.fails) throw Object.assign(new Error('no'), { code: 'EIO' });
    this.text += buffer.toString('utf8', offset);
    return buffer.length - offset;
  }
  roomBytes(): number {
    return Number.POSITIVE_INFINITY;
  }
  reopen(): void {}
  close(): void {}
}

describe('several outputs', () => {
  function outputs(specs: readonly OutputSpec[], heldBack: Level[] = []): { channels: Memory[]; outputs: Outputs } {
    const channels = specs.map(() => new Memory());
    const routes = specs.map((spec, i) => ({ spec, sink: new Sink(`memory${i}`, channels[i]!) }));
    return {
      channels,
      outputs: new Outputs(routes, { minLevel: 'medium', onHeldBack: level => heldBack.push(level) }),
    };
  }

  test('each gets its level and kinds; what is held back is counted, told once, and not rendered', async () => {
    const heldBack: Level[] = [];
    const { channels, outputs: all } = outputs(
      [
        { type: 'stdout' },
        { type: 'stdout', minLevel: 'critical', kinds: ['alert'] },
        { type: 'stdout', minLevel: 'informational' },
      ],
      heldBack,
    );
    let rendered = 0;
    for (const level of ['informational', 'low', 'medium', 'high', 'critical'] as const) {
      all.emit({ kind: 'alert', level }, () => {
        rendered++;
        return level;
      });
    }
    all.emit({ kind: 'metric', own: true }, () => 'heartbeat');
    await all.flush(100);
    expect(channels.map(channel => channel.text.trim().split('\n'))).toEqual([
      ['medium', 'high', 'critical', 'heartbeat'],
      ['critical'],
      ['informational', 'low', 'medium', 'high', 'critical', 'heartbeat'],
    ]);
    expect(all.counters().map(counters => counters.heldBack)).toEqual([2, 4, 0]);
    expect([rendered, heldBack]).toEqual([5, ['informational']]);
    const { outputs: quiet } = outputs([{ type: 'stdout' }]);
    quiet.emit({ kind: 'alert', level: 'low' }, () => {
      throw new Error('rendered');
    });
  });

  test('a line is rendered once for each length that is needed', async () => {
    const { channels, outputs: all } = outputs([
      { type: 'stdout' },
      { type: 'stdout' },
      { type: 'stdout', maxLineBytes: 9_000 },
    ]);
    const asked: number[] = [];
    all.emit({ kind: 'event' }, max => {
      asked.push(max);
      return String(max);
    });
    await all.flush(100);
    expect(asked).toEqual([30_000, 9_000]);
    expect(channels.map(channel => channel.text)).toEqual(['30000\n', '30000\n', '9000\n']);
  });

  test('one that fails never stops the others', async () => {
    const { channels, outputs: all } = outputs([{ type: 'stdout' }, { type: 'stdout' }]);
    channels[0]!.fails = true;
    for (let i = 0; i < 1_000; i++) all.emit({ kind: 'event' }, () => String(i));
    expect(await all.close(100)).toBe(false);
    expect(channels[1]!.text.trim().split('\n')).toHaveLength(1_000);
    expect(all.counters()).toMatchObject([
      { written: 0, dropped: 1_000 },
      { written: 1_000, dropped: 0 },
    ]);
    expect(all.allClosed).toBe(true);
  });
});

describe('opening', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'puppy-outputs-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('files by their specs', async () => {
    const parsed = ['a?min_level=high', 'b?kind=metric'].map(name => parseOutputSpec(`file:${dir}/${name}`));
    const specs = parsed.flatMap(one => ('spec' in one ? [one.spec] : []));
    const all = openOutputs(specs, { minLevel: 'medium' });
    all.emit({ kind: 'alert', level: 'high' }, () => 'alert');
    all.emit({ kind: 'metric', own: true }, () => 'metric');
    all.pump();
    all.reopen();
    expect(await all.close(1_000)).toBe(true);
    expect(['a', 'b'].map(name => readFileSync(join(dir, name), 'utf8'))).toEqual(['alert\nmetric\n', 'metric\n']);
  });

  test('a file that cannot be opened is told at once', () => {
    expect(() => openOutputs([{ type: 'file', path: join(dir, 'no/x') }], { minLevel: 'medium' })).toThrow('ENOENT');
  });
});

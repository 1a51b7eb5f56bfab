import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Loss } from '../../src/core/source.ts';
import type { LogObservation } from '../../src/logs/observe.ts';
import { LogSource, type LogSourceOptions } from '../../src/logs/source.ts';

let folder: string;
let observations: LogObservation[];
let losses: Loss[];
let told: string[];
let source: LogSource;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'puppy-logs-'));
  observations = [];
  losses = [];
  told = [];
});
afterEach(() => {
  source.stop();
  rmSync(folder, { recursive: true, force: true });
});

function begin(options: Partial<LogSourceOptions>): void {
  source = new LogSource(
    { files: [], journal: false, maxLineBytes: 16_384, pid: process.pid, systemFiles: [], ...options },
    {
      observation: one => observations.push(one),
      batchEnd: () => {},
      loss: loss => losses.push(loss),
      note: ({ message }) => told.push(message),
      availability: (up, message) => told.push(`${up ? 'up' : 'down'}: ${message}`),
    },
  );
  source.start(Date.now());
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 800 && !what(); i++) {
    await Bun.sleep(25);
    source.tick(Date.now());
  }
  expect(what()).toBe(true);
}

const messages = () => observations.map(({ log }) => log.message);

describe('files', () => {
  test('of each group the first; more of the configuration; lines become observations', () => {
    const [syslog, messagesLog, app] = ['syslog', 'messages', 'app.log'].map(name => join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [syslog, messagesLog, app]) writeFileSync(path, 'old\n');
    begin({ systemFiles: [[join(folder, 'none')], [syslog, messagesLog]], files: [app] });
    appendFileSync(syslog, 'Nov 24 07:40:13 web1 sshd[1]: Failed password for root from 192.0.2.7 port 1 ssh2\n');
    appendFileSync(messagesLog, 'Nov 24 07:40:13 web1 x: the same\n');
    appendFileSync(app, 'text\n');
    source.poll();
    expect(observations.map(({ kind, log }) => [kind, log.path]).sort()).toEqual([
      ['log_line', app],
      ['login_failed', syslog],
    ]);
    expect(source.counters()).toMatchObject({ lines: 2, files: 2, journal: false, dropped: 0 });
  });

  test('none is there: told, and so is the first that comes', async () => {
    const path = join(folder, 'auth.log');
    begin({ systemFiles: [[path]] });
    expect(told).toEqual(['down: logs: there is no journal and no log file to read; the source waits for one']);
    writeFileSync(path, 'Nov 24 07:40:13 web1 x: first\n');
    source.lookNow();
    source.tick(Date.now());
    expect(told[1]).toBe(`up: logs: log files are read: ${path}`);
    source.poll();
    expect(messages()).toEqual(['first']);
  });

  test('what is skipped is a loss', () => {
    const path = join(folder, 'syslog');
    writeFileSync(path, '');
    begin({ systemFiles: [[path]] });
    appendFileSync(path, `${'y'.repeat(1023)}\n`.repeat(20 * 1024));
    source.poll();
    source.tick(Date.now());
    expect(losses).toMatchObject([{ reason: 'log_behind', unit: 'lines', upperBound: false }]);
    expect(losses[0]!.count).toBe(source.counters().dropped);
  });
});

describe('the journal', () => {
  const entry = (number: number, message: string): string =>
    JSON.stringify({
      ...{ __CURSOR: `s=${'0'.repeat(32)};i=${number.toString(16)};b=0`, __REALTIME_TIMESTAMP: '1795507296619829' },
      ...{ MESSAGE: message, SYSLOG_IDENTIFIER: 'x', _UID: '0', _PID: '1' },
    });
  /** A journalctl that gives these entries and then does as told. */
  function journalctl(lines: readonly string[], then: string): string {
    const path = join(folder, 'journalctl');
    writeFileSync(join(folder, 'entries'), lines.map(line => `${line}\n`).join(''));
    writeFileSync(path, `#!/bin/sh\necho "$@" >> ${folder}/arguments\ncat ${folder}/entries\n${then}\n`);
    chmodSync(path, 0o755);
    return path;
  }
  const arguments_ = () => readFileSync(join(folder, 'arguments'), 'utf8').trim().split('\n');

  test('entries become observations; a gap in their numbers is a loss', async () => {
    begin({
      journal: true,
      journalctl: journalctl([entry(1, 'a'), entry(2, 'b'), 'rubbish', entry(7, 'c')], 'exec sleep 60'),
    });
    await until(() => observations.length === 3);
    source.tick(Date.now());
    expect(messages()).toEqual(['a', 'b', 'c']);
    expect(losses).toEqual([
      { reason: 'unreadable', count: 1, unit: 'lines', upperBound: false },
      { reason: 'journal', count: 3, unit: 'lines', upperBound: true },
    ]);
    expect(arguments_()[0]).toMatch(/--follow --lines=all --no-pager --since=@\d+$/);
    expect(source.counters()).toMatchObject({ lines: 4, malformed: 1, dropped: 4, journal: true });
  });

  test('journalctl that ends is begun again after the last entry, and both are told', async () => {
    begin({ journal: true, journalctl: journalctl([entry(1, 'a')], 'echo no more >&2; exit 3') });
    await until(() => source.counters().restarts === 1 && observations.length === 2);
    expect(told[0]).toBe('down: logs: journalctl ended (no more; exit code 3); it is begun again in 1 s');
    expect(told[1]).toBe('up: logs: the journal is read again');
    expect(arguments_()[1]).toContain(`--after-cursor=s=${'0'.repeat(32)};i=1;b=0`);
  });

  test('one that can’t be started is told', async () => {
    begin({ journal: true, journalctl: join(folder, 'none') });
    await until(() => told.length > 0);
    expect(told[0]).toStartWith('down: logs: journalctl ended (');
  });

  test('a flood waits in the pipe, not in memory; stop ends the child', async () => {
    begin({ journal: true, journalctl: journalctl([], `yes '${entry(1, 'f'.repeat(1000))}'`) });
    await until(() => observations.length > 100);
    const before = process.memoryUsage.rss();
    await Bun.sleep(500);
    expect(source.counters().bytes).toBeLessThan(8 << 20);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20);
    source.stop();
    const { lines } = source.counters();
    await Bun.sleep(300);
    expect(source.counters().lines).toBe(lines);
  }, 30_000);
});

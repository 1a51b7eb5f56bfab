import { describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type AuditEvent, FIELD_INTS, fieldText, RECORD_INTS } from '../../src/audit/event.ts';
import { KEYS } from '../../src/audit/keys.ts';
import { AuditReplay } from '../../src/audit/replay.ts';
import { lineEvents } from '../../src/logs/observe.ts';
import { RECORDING_VERSION, type RecordingHeader } from '../../src/recording/format.ts';
import { decodeAuditEvent, isRecording, openRecording, recordedFacts } from '../../src/recording/reader.ts';
import { RecordingWriter } from '../../src/recording/writer.ts';

// Debian 12, Linux 6.18: /usr/bin/env true, with a name that has a blank.
const LOG = `type=SYSCALL msg=audit(1795492277.063:16): arch=c000003e syscall=59 success=yes exit=0 a0=7ffe a1=7ffd a2=5592 a3=8 items=2 ppid=9072 pid=9077 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm=776974682073 exe="/usr/bin/env" subj=unconfined key="puppy-exec"
type=EXECVE msg=audit(1795492277.063:16): argc=2 a0="/usr/bin/env" a1=612062
type=CWD msg=audit(1795492277.063:16): cwd="/work"
type=PATH msg=audit(1795492277.063:16): item=0 name="/usr/bin/env" inode=99 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL oddfield=1
type=PROCTITLE msg=audit(1795492277.063:16): proctitle=2F7573722F62696E2F656E76006120622F
`;

function read<T>(log: string, take: (event: AuditEvent) => T): T[] {
  const out: T[] = [];
  const replay = new AuditReplay({ argvMaxBytes: 65536 }, event => out.push(take(event)));
  replay.feed(Buffer.from(log));
  replay.finish();
  replay.close();
  return out;
}

function everything(event: AuditEvent): unknown {
  const records = Array.from({ length: event.recordCount }, (_, i) => {
    const fields: unknown[] = [];
    event.forEachField(i, (_key, field) =>
      fields.push([event.fieldName(field), fieldText(event, field), event.number(field)]),
    );
    return { line: event.line(i), fields };
  });
  return { stamp: event.stamp, flags: event.flags, argc: event.argc, args: event.args(), records };
}

const HEADER: RecordingHeader = {
  version: RECORDING_VERSION,
  agentVersion: '0',
  agentId: 'a',
  labels: {},
  cacheEntries: 1024,
  keys: KEYS,
  records: false,
  host: { id: 'h', idSource: 'machine_id', name: 'n', hostname: 'n', architecture: 'x86_64', kernelRelease: '6' },
};

function inFolder(use: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'puppy-recording-'));
  return Promise.resolve(use(join(folder, 'r'))).finally(() => rmSync(folder, { recursive: true }));
}

async function linesOf(folder: string): Promise<unknown[]> {
  const out: unknown[] = [];
  for await (const line of (await openRecording(folder)).lines) out.push(line);
  return out;
}

describe('an event in a recording', () => {
  const [bytes] = read(LOG, event => event.bytes().toString('base64'));
  const [original] = read(LOG, everything);

  test('is the event that was recorded', () => expect(everything(decodeAuditEvent(bytes!, KEYS))).toEqual(original));
  test('means the same to an agent whose keys have other indexes', () => {
    // As if it had been recorded when `pid` and `comm` had no index of their own: theirs are others' names.
    const others = [...KEYS].reverse();
    const again = decodeAuditEvent(bytes!, KEYS);
    const { ints } = again.batch;
    for (const position of again.positions) {
      for (
        let f = position + RECORD_INTS;
        f < position + RECORD_INTS + FIELD_INTS * ints[position + 1]!;
        f += FIELD_INTS
      ) {
        if (ints[f]! >= 0) ints[f] = KEYS.length - 1 - ints[f]!;
      }
    }
    expect(everything(decodeAuditEvent(again.bytes().toString('base64'), others))).toEqual(original);
  });
  test('that is damaged is refused or read within its bounds, whatever the damage', () => {
    const whole = Buffer.from(bytes!, 'base64');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, value, length) => {
        const damaged = Buffer.from(whole);
        damaged[at] = value;
        for (const candidate of [damaged, whole.subarray(0, length)]) {
          try {
            everything(decodeAuditEvent(candidate.toString('base64'), KEYS));
          } catch (error) {
            expect((error as Error).message).toBe('a damaged audit event in the recording');
          }
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a recording', () => {
  test('gives back what was written, in order', () =>
    inFolder(async folder => {
      const writer = new RecordingWriter(folder, HEADER, error => {
        throw error;
      });
      writer.seed(5);
      read(LOG, event => writer.audit(event, 7));
      const [line] = lineEvents('sudo: bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id', 8, undefined);
      writer.log(line!);
      writer.fact('{"f":"boot","v":1}');
      writer.tick(9);
      writer.close();
      expect(isRecording(folder)).toBe(true);
      expect(await linesOf(folder)).toEqual([
        { seed: 5 },
        { audit: expect.any(String), created: 7 },
        { log: line },
        { tick: 9 },
      ]);
      expect(recordedFacts(folder)).toEqual(['{"f":"boot","v":1}', '']);
    }));
  test('is never written over another', () =>
    inFolder(folder => {
      const ignore = (): void => undefined;
      new RecordingWriter(folder, HEADER, ignore).close();
      expect(() => new RecordingWriter(folder, HEADER, ignore)).toThrow('EEXIST');
    }));
  test('whose last line was cut by a crash is read up to it; one damaged elsewhere is told with its line', () =>
    inFolder(async folder => {
      const writer = new RecordingWriter(folder, HEADER, () => undefined);
      writer.tick(1);
      writer.tick(2);
      writer.close();
      const path = join(folder, 'observations.jsonl');
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, `${text}{"tick":`);
      expect(await linesOf(folder)).toEqual([{ tick: 1 }, { tick: 2 }]);
      writeFileSync(path, text.replace('{"tick":1}', '{"tick":'));
      await expect(linesOf(folder)).rejects.toThrow('observations.jsonl:2: not a line of a recording');
      writeFileSync(path, '');
      await expect(linesOf(folder)).rejects.toThrow(':1: a recording begins with its header');
      writeFileSync(path, text.replace('"version":1', '"version":99'));
      await expect(linesOf(folder)).rejects.toThrow('version 99');
    }));
});

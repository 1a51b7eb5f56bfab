// Reads a recording back (edge: files). Every mistake in it is told with its file and line.

import { createReadStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AuditEvent, Batch, FIELD_INTS, FLAG_BITS, RECORD_INTS } from '../audit/event.ts';
import { KEYS, keyIndex } from '../audit/keys.ts';
import {
  FACTS_FILE,
  OBSERVATIONS_FILE,
  RECORDING_VERSION,
  type RecordingHeader,
  type RecordingLine,
} from './format.ts';

const HEADER_INTS = 14;
const HEADER_BYTES = HEADER_INTS * 4;

export function isRecording(path: string): boolean {
  try {
    return statSync(join(path, OBSERVATIONS_FILE)).isFile();
  } catch {
    return false;
  }
}

/** The host's answers, a line each. */
export function recordedFacts(directory: string): string[] {
  return readFileSync(join(directory, FACTS_FILE), 'utf8').split('\n');
}

export interface Recording {
  readonly header: RecordingHeader;
  readonly lines: AsyncIterable<Exclude<RecordingLine, { header: unknown }>>;
}

/** By newline alone: other separators of Unicode may stand inside a line. */
async function* linesOf(path: string): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of createReadStream(path)) {
    const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** Throws Error with file and line where the recording is damaged or of another version. */
export async function openRecording(directory: string): Promise<Recording> {
  const path = join(directory, OBSERVATIONS_FILE);
  const source = linesOf(path);
  let number = 0;
  const next = async (): Promise<RecordingLine | undefined> => {
    const { value, done } = await source.next();
    if (done === true) return undefined;
    number++;
    try {
      return JSON.parse(value) as RecordingLine;
    } catch {
      // A crash may have cut the last line.
      if ((await source.next()).done === true) return undefined;
      throw new Error(`${path}:${number}: not a line of a recording`);
    }
  };
  const first = await next();
  if (first === undefined || !('header' in first)) throw new Error(`${path}:1: a recording begins with its header`);
  if (first.header.version !== RECORDING_VERSION) {
    throw new Error(
      `${path}:1: version ${first.header.version} of recordings; this agent (which would be ${RECORDING_VERSION}) can't read it`,
    );
  }
  return {
    header: first.header,
    lines: {
      async *[Symbol.asyncIterator]() {
        for (let line = await next(); line !== undefined; line = await next()) {
          if ('header' in line) throw new Error(`${path}:${number}: a second header`);
          yield line;
        }
      },
    },
  };
}

/** An event from its bytes. Throws Error when they can't be an event's: a reader of indexes must not be led outside. */
export function decodeAuditEvent(base64: string, keys: readonly string[]): AuditEvent {
  const bytes = Buffer.from(base64, 'base64');
  const batch = new Batch(Math.max(bytes.length, HEADER_BYTES));
  bytes.copy(batch.bytes);
  const { ints } = batch;
  const damaged = (): never => {
    throw new Error('a damaged audit event in the recording');
  };
  if (bytes.length < HEADER_BYTES || ints[0] !== bytes.length) damaged();
  const records = ints[1]!;
  const argv = ints[8]!;
  const argvBytes = ints[9]!;
  const data = ints[10]!;
  if (
    records < 0 ||
    argv < HEADER_BYTES ||
    argvBytes < 0 ||
    argv + argvBytes > bytes.length ||
    data < HEADER_BYTES ||
    data > bytes.length
  )
    damaged();
  const limit = argv >> 2;
  const sameKeys = keys.length === KEYS.length && keys.every((key, i) => key === KEYS[i]);
  let p = HEADER_INTS;
  for (let r = 0; r < records; r++) {
    if (p + RECORD_INTS > limit) damaged();
    const fields = ints[p + 1]!;
    const end = p + RECORD_INTS + FIELD_INTS * fields;
    if (
      fields < 0 ||
      end > limit ||
      ints[p + 2]! < 0 ||
      ints[p + 3]! < 0 ||
      data + ints[p + 2]! + ints[p + 3]! > bytes.length
    )
      damaged();
    for (let f = p + RECORD_INTS; f < end; f += FIELD_INTS) {
      const key = ints[f]!;
      const value = ints[f + 1]!;
      if (value < 0 || data + value + (ints[f + 2]! >>> FLAG_BITS) > bytes.length) damaged();
      // A name without an index stands before its value, with `=` and perhaps a quote between.
      if (key < 0 ? value + key - 2 < -1 : key >= keys.length) damaged();
      if (!sameKeys && key >= 0) {
        const name = keys[key]!;
        ints[f] = keyIndex(name) ?? -name.length;
      }
    }
    p = end;
  }
  return new AuditEvent(batch, 0);
}

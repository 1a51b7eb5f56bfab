// Inputs of `replay`: audit logs and the host's other logs, plain or gzip, or stdin (edge: files).

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { pipeline } from 'node:stream';
import { constants, createGunzip, gunzipSync } from 'node:zlib';
import { parseLine } from '../logs/line.ts';
import { isRecording } from '../recording/reader.ts';

export type Input =
  /** `log`: of the audit daemon; `lines`: auth.log, syslog and the like. */
  | { readonly kind: 'log' | 'lines'; readonly path: string; readonly gzip: boolean; readonly bytes: number }
  | { readonly kind: 'stdin' }
  | { readonly kind: 'recording'; readonly path: string };

const GZIP = [0x1f, 0x8b];
const PIECE_BYTES = 1 << 18;
const HEAD_BYTES = 4_096;
const HEAD_LINES = 32;
/** Deflate packs no tighter than 1,032 to 1. */
const UNPACKED_RATIO_MAX = 1_100;
const NOT_YET: Readonly<Record<string, string>> = {
  '.pcap': 'packet captures',
  '.pcapng': 'packet captures',
  '.jsonl': 'events',
};

/** What an operand is. Throws Error with what is wrong. */
export function inputOf(operand: string): Input {
  if (operand === '-') return { kind: 'stdin' };
  const later = NOT_YET[extname(operand)];
  if (later !== undefined) throw new Error(`${operand}: replaying ${later} is not available in this version`);
  let stat: ReturnType<typeof statSync>;
  try {
    stat = statSync(operand);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${operand}: ${code === 'ENOENT' ? 'no such file' : code}`);
  }
  if (stat.isDirectory()) {
    if (isRecording(operand)) return { kind: 'recording', path: operand };
    throw new Error(`${operand}: a folder, and not a recording made with --record`);
  }
  const path = operand;
  const bytes = stat.size;
  // A pipe can be read but once.
  if (!stat.isFile()) return { kind: 'log', path, gzip: false, bytes };
  const head = headOf(path);
  const gzip = head[0] === GZIP[0] && head[1] === GZIP[1];
  return { kind: isLines(gzip ? unpacked(head) : head) ? 'lines' : 'log', path, gzip, bytes };
}

const AUDIT_LINE = /^(node=\S+ )?type=/;

/** By content, not by name: rotated logs are renamed. What has no header either is left to the reader of audit logs to tell. */
function isLines(head: Buffer): boolean {
  const lines = head
    .latin1Slice(0, head.length)
    .split('\n', HEAD_LINES)
    .filter(line => line !== '');
  if (lines.some(line => AUDIT_LINE.test(line))) return false;
  return lines.some(line => {
    const { timeMs, hasHeader } = parseLine(line, 0);
    return hasHeader && timeMs !== undefined;
  });
}

function unpacked(head: Buffer): Buffer {
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: UNPACKED_RATIO_MAX * HEAD_BYTES });
  } catch {
    return Buffer.alloc(0);
  }
}

function headOf(path: string): Buffer {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw new Error(`${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}

/** Bytes of logs, one after another. Throws Error that names the file. `onBytes` tells how much of the files was read. */
export async function* readLogs(
  inputs: readonly Input[],
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for (const input of inputs) {
    if (input.kind === 'recording' || input.kind === 'lines') continue;
    const name = input.kind === 'stdin' ? 'standard input' : input.path;
    const source = input.kind === 'stdin' ? process.stdin : piecesOf(input.path, input.gzip);
    const counted = countedBytes(source, onBytes);
    const unpacked = input.kind === 'log' && input.gzip ? pipeline(counted, createGunzip(), () => undefined) : counted;
    try {
      for await (const chunk of unpacked) yield chunk as Uint8Array;
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`);
    }
    // A file that ends without a newline is not continued by the next.
    yield NEWLINE;
  }
}

/**
 * A file through one buffer: a stream's many would be garbage faster than it is collected. A piece is valid until the next, unless
 * they are to be `kept` (by a decompressor's queue).
 */
function* piecesOf(path: string, kept: boolean): Generator<Uint8Array> {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) {
      yield kept ? Buffer.from(buffer.subarray(0, n)) : buffer.subarray(0, n);
    }
  } finally {
    closeSync(fd);
  }
}

async function* countedBytes(
  source: AsyncIterable<unknown> | Iterable<unknown>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    onBytes((chunk as Uint8Array).length);
    yield chunk as Uint8Array;
  }
}

const NEWLINE = new Uint8Array([10]);

// Inputs of `replay`: audit logs, the host's other logs and events, plain or gzip, captures of packets, or stdin (edge: files).

import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import { pipeline } from 'node:stream';
import { constants, createGunzip, gunzipSync } from 'node:zlib';
import { filePieces } from '../file-pieces.ts';
import { parseLine } from '../logs/line.ts';
import { isRecording } from '../recording/reader.ts';

export type Input =
  /** `log`: of the audit daemon; `lines`: auth.log, syslog and the like; `events`: what an agent wrote. */
  | { readonly kind: 'log' | 'lines' | 'events'; readonly path: string; readonly gzip: boolean; readonly bytes: number }
  /** Standard input, or a pipe, with what was read of it to know its kind. */
  | { readonly kind: 'log' | 'events'; readonly path: string; readonly pipe: AsyncIterable<unknown> }
  /** Of packets. */
  | { readonly kind: 'capture'; readonly path: string; readonly bytes: number }
  | { readonly kind: 'recording'; readonly path: string };

const PIECE_BYTES = 1 << 18;
const HEAD_BYTES = 4_096;
const HEAD_LINES = 32;
/** Deflate packs no tighter than 1,032 to 1. */
const UNPACKED_RATIO_MAX = 1_100;
const NAMED_EVENTS = /\.(jsonl|ndjson)(\.gz)?$/;

/** What an operand is. Throws Error with what is wrong. */
export async function inputOf(operand: string): Promise<Input> {
  if (operand === '-') return await pipeOf('standard input', process.stdin);
  let stat: ReturnType<typeof statSync>;
  try {
    stat = statSync(operand);
  } catch (error) {
    throw new Error(`${operand}: ${fileMistake(error)}`);
  }
  if (stat.isDirectory()) {
    if (isRecording(operand)) return { kind: 'recording', path: operand };
    throw new Error(`${operand}: a folder, and not a recording made with --record`);
  }
  const path = operand;
  // A pipe can be read but once.
  if (!stat.isFile()) return await pipeOf(path, createReadStream(path));
  const head = headOf(path);
  const gzip = isGzip(head);
  const isCapture = isCaptureOf(gzip ? unpacked(head) : head);
  if (isCapture && gzip) throw new Error(`${path}: a packed capture of packets; unpack it first`);
  if (isCapture) return { kind: 'capture', path, bytes: stat.size };
  const content = contentOf(gzip ? unpacked(head) : head);
  const kind = content ?? (NAMED_EVENTS.test(path) ? 'events' : 'log');
  return { kind, path, gzip, bytes: stat.size };
}

/** Waits for the first line. */
async function pipeOf(path: string, source: AsyncIterable<unknown>): Promise<Input> {
  const pieces = source[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let bytes = 0;
  try {
    for (let isWhole = false; !isWhole && bytes < HEAD_BYTES; ) {
      const { value, done } = await pieces.next();
      if (done === true) break;
      first.push(value as Buffer);
      bytes += (value as Buffer).length;
      isWhole = (value as Buffer).includes(NEWLINE[0]!);
    }
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
  const kind = contentOf(Buffer.concat(first).subarray(0, HEAD_BYTES)) === 'events' ? 'events' : 'log';
  async function* pipe(): AsyncGenerator<unknown> {
    yield* first;
    yield* { [Symbol.asyncIterator]: () => pieces };
  }
  return { kind, path, pipe: pipe() };
}

const AUDIT_LINE = /^(node=\S+ )?type=/;

/** By content, not by name: rotated logs are renamed. Undefined where it doesn't tell. */
function contentOf(head: Buffer): 'log' | 'lines' | 'events' | undefined {
  const lines = head
    .latin1Slice(0, head.length)
    .split('\n', HEAD_LINES)
    .filter(line => line !== '');
  if (lines.some(line => AUDIT_LINE.test(line))) return 'log';
  const isLog = (line: string): boolean => {
    const { timeMs, hasHeader } = parseLine(line, 0);
    return hasHeader && timeMs !== undefined;
  };
  if (lines.some(isLog)) return 'lines';
  return lines.some(line => line.startsWith('{')) ? 'events' : undefined;
}

function unpacked(head: Buffer): Buffer {
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: UNPACKED_RATIO_MAX * HEAD_BYTES });
  } catch {
    return Buffer.alloc(0);
  }
}

/** pcap in both orders of bytes, with micro- or nanoseconds; pcapng. */
const MAGICS = new Set(['a1b2c3d4', 'd4c3b2a1', 'a1b23c4d', '4d3cb2a1', '0a0d0d0a']);
const isCaptureOf = (head: Buffer): boolean => MAGICS.has(head.toString('hex', 0, 4));

/** Throws Error that names the file. */
export function headOf(path: string): Buffer {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0));
  } catch (error) {
    throw new Error(`${path}: ${fileMistake(error)}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

export const isGzip = (head: Buffer): boolean => head[0] === 0x1f && head[1] === 0x8b;

/** What is wrong with a file, for who named it. */
export function fileMistake(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'no such file' : (code ?? message);
}

/** A file, or a pipe: all that can be read but a recording. */
type Readable =
  | { readonly path: string; readonly gzip: boolean }
  | { readonly path: string; readonly pipe: AsyncIterable<unknown> };

/** Bytes of audit logs, one after another. Throws Error that names the file. `onBytes` tells how much of the files was read. */
export async function* readLogs(
  inputs: readonly Input[],
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for (const input of inputs) {
    if (input.kind !== 'log') continue;
    yield* readInput(input, onBytes);
    // A file that ends without a newline is not continued by the next.
    yield NEWLINE;
  }
}

/** Each piece is valid until the next. Throws Error that names the file. */
export async function* readInput(input: Readable, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const isPipe = 'pipe' in input;
  const counted = countedBytes(isPipe ? input.pipe : piecesOf(input.path, input.gzip), onBytes);
  const unpacked = !isPipe && input.gzip ? pipeline(counted, createGunzip(), () => undefined) : counted;
  try {
    for await (const chunk of unpacked) yield chunk as Uint8Array;
  } catch (error) {
    throw new Error(`${input.path}: ${(error as Error).message}`);
  }
}

/** A piece is valid until the next, unless they are to be `kept` (by a decompressor's queue). */
function* piecesOf(path: string, kept: boolean): Generator<Uint8Array> {
  for (const piece of filePieces(path, PIECE_BYTES)) yield kept ? Buffer.from(piece) : piece;
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

// Lines of what the agent wrote: files plain or gzip, or standard input (edge: files). A line that isn't JSON is told, never fatal.

import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Reader } from '../../output/ecs/read.ts';

/** Lines of outputs are shorter by far; a longer one is skipped without being held. */
const LINE_MAX_BYTES = 4 << 20;
const TOLD_MAX = 3;

export interface FoundLine {
  readonly file: string;
  readonly number: number;
  readonly json: unknown;
  readonly line: Reader;
}

/** Collects what is wrong with lines: the first few by place, the others by number. */
export class BadLines {
  readonly #tell: (message: string) => void;
  #count = 0;

  constructor(tell: (message: string) => void) {
    this.#tell = tell;
  }

  add(file: string, number: number, what: string): void {
    if (++this.#count <= TOLD_MAX) this.#tell(`${file}:${number}: ${what}; left out`);
  }

  end(): void {
    if (this.#count > TOLD_MAX) this.#tell(`${this.#count - TOLD_MAX} more lines were left out`);
  }
}

/** The lines in which one of the texts stands, of a file or (for `-`) of standard input. Throws Error that names the file. */
export async function* linesWith(
  file: string,
  texts: readonly string[] | undefined,
  bad: BadLines,
): AsyncGenerator<FoundLine, undefined> {
  const name = file === '-' ? 'standard input' : file;
  let number = 0;
  for await (const whole of linesOf(file, name)) {
    number++;
    const text = whole?.trim();
    if (text === undefined) bad.add(name, number, `longer than ${LINE_MAX_BYTES} bytes`);
    else if (text === '') continue;
    else if (!text.startsWith('{') || !text.endsWith('}')) bad.add(name, number, 'no JSON object');
    else if (texts === undefined || texts.some(one => text.includes(one))) {
      try {
        const json: unknown = JSON.parse(text);
        yield { file: name, number, json, line: new Reader(json) };
      } catch {
        bad.add(name, number, 'not JSON');
      }
    }
  }
}

/** Undefined stands for a line that is too long. */
async function* linesOf(file: string, name: string): AsyncGenerator<string | undefined, undefined> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  const take = (): string | undefined => {
    const text = restBytes > LINE_MAX_BYTES ? undefined : Buffer.concat(rest).toString();
    rest = [];
    restBytes = 0;
    return text;
  };
  const add = (part: Buffer): void => {
    restBytes += part.length;
    if (restBytes <= LINE_MAX_BYTES) rest.push(part);
    else rest = [];
  };
  try {
    for await (const piece of piecesOf(file)) {
      let from = 0;
      for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
        add(piece.subarray(from, end));
        yield take();
        from = end + 1;
      }
      if (from < piece.length) add(piece.subarray(from));
    }
  } catch (error) {
    throw new Error(`${name}: ${messageOf(error)}`);
  }
  if (restBytes > 0) yield take();
}

function messageOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'no such file' : (code ?? message);
}

function piecesOf(file: string): AsyncIterable<Buffer> {
  if (file === '-') return process.stdin;
  const isGzip = startsWithGzip(file);
  const stream = createReadStream(file, { highWaterMark: 1 << 18 });
  return isGzip ? pipeline(stream, createGunzip(), () => undefined) : stream;
}

function startsWithGzip(file: string): boolean {
  const fd = openSync(file, 'r');
  try {
    const head = Buffer.alloc(2);
    return readSync(fd, head, 0, 2, 0) === 2 && head.readUInt16BE() === 0x1f8b;
  } finally {
    closeSync(fd);
  }
}

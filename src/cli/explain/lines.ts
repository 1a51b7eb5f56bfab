// Lines of what the agent wrote: files plain or gzip, or standard input (edge: files). A line that isn't JSON is told, never fatal.

import { LineSplitter, type OnLine } from '../../logs/splitter.ts';
import { Reader } from '../../output/ecs/reader.ts';
import { headOf, isGzip, readInput } from '../inputs.ts';

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
  const splitter = new LineSplitter(LINE_MAX_BYTES);
  let found: (string | undefined)[] = [];
  const onLine: OnLine = (bytes, truncated) => found.push(truncated ? undefined : bytes.toString());
  const input = file === '-' ? { path: name, pipe: process.stdin } : { path: name, gzip: isGzip(headOf(file)) };
  for await (const piece of readInput(input, () => undefined)) {
    splitter.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length), onLine);
    yield* found;
    found = [];
  }
  splitter.end(onLine);
  yield* found;
}

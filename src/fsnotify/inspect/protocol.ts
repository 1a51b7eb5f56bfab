// What the inspector and its worker say to each other. Batches go one at a time: the next when the last is answered. Pure.

import type { FileState, HashAlgorithm } from '../../core/event.ts';

/** A file in its file system; the device as `major:minor` in hex. */
export interface FileIdentity {
  readonly inode: string;
  readonly dev?: string | undefined;
}

/** One file to look at. */
export interface Job {
  /** Safe text. */
  readonly path: string;
  /** Read only one of these; absent: whatever is there. */
  readonly expected?: readonly FileIdentity[] | undefined;
  /** Beside those of the settings. */
  readonly hashes?: readonly HashAlgorithm[] | undefined;
  /** The content is wanted if it isn't larger. */
  readonly contentMaxBytes?: number | undefined;
}

export interface Finding {
  /** Absent: nothing is there. */
  readonly state?: FileState;
  readonly dev?: string;
  readonly content?: Uint8Array<ArrayBuffer>;
  readonly warnings: readonly string[];
}

/** The worker's first message. */
export interface Settings {
  readonly hashes: readonly HashAlgorithm[];
  readonly hashMaxBytes: number;
  readonly timeoutMs: number;
  readonly progress: SharedArrayBuffer;
}

export interface Batch {
  /** The sequence number of its first job; they count on from 1. */
  readonly first: number;
  readonly jobs: readonly Job[];
  /** After so much of either it stops, with one job at least; what is left was not looked at. */
  readonly budgetBytes: number;
  readonly sliceMs: number;
}

export interface Answer {
  /** Of the first jobs, in their order. */
  readonly findings: readonly Finding[];
  /** What reading them cost. */
  readonly bytes: number;
}

/** An answer on its way: as text, which costs an eighth of what cloning its objects does, and beside it what is bytes. */
export interface PackedAnswer {
  readonly text: string;
  readonly contents: readonly { readonly index: number; readonly content: Uint8Array<ArrayBuffer> }[];
}

export function pack({ findings, bytes }: Answer): PackedAnswer {
  const contents = findings.flatMap(({ content }, index) => (content === undefined ? [] : [{ index, content }]));
  const plain = contents.length === 0 ? findings : findings.map(({ content: _, ...finding }) => finding);
  return { text: JSON.stringify({ findings: plain, bytes }), contents };
}

export function unpack({ text, contents }: PackedAnswer): Answer {
  const answer = JSON.parse(text) as Answer;
  if (contents.length === 0) return answer;
  const findings = [...answer.findings];
  for (const { index, content } of contents) findings[index] = { ...findings[index]!, content };
  return { ...answer, findings };
}

/** What one of them doesn't say is no difference. Who had an inode as a number may have rounded it. */
export const isSame = (a: FileIdentity, b: FileIdentity): boolean =>
  (a.inode === b.inode || Number(a.inode) === Number(b.inode)) &&
  (a.dev === undefined || b.dev === undefined || a.dev === b.dev);

/** How many numbers native/held.h tells of a file. */
export const HELD_NUMBERS = 11;
const NUMBERS_AT = 8;

/** What the worker writes while it works, and is read although it may be stuck. */
export class Progress {
  static readonly BYTES = NUMBERS_AT + HELD_NUMBERS * 8;
  /** What was last seen of a file. */
  readonly numbers: Float64Array;
  private readonly words: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.words = new Int32Array(shared, 0, 2);
    this.numbers = new Float64Array(shared, NUMBERS_AT, HELD_NUMBERS);
  }

  /** The job that is worked on, 0 for none. */
  get at(): number {
    return Atomics.load(this.words, 0);
  }

  /** The numbers are the present job's. */
  get isSeen(): boolean {
    return Atomics.load(this.words, 1) === 1;
  }

  begin(sequence: number): void {
    Atomics.store(this.words, 1, 0);
    Atomics.store(this.words, 0, sequence);
  }

  seen(): void {
    Atomics.store(this.words, 1, 1);
  }
}

// The system's journal, followed through `journalctl` (edge: a child process). Entries are taken no faster than the agent reads: the
// pipe fills and journalctl waits, which holds up nobody else. When it ends it is begun again after the last entry that was read.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { JOURNAL_FIELDS } from './journal-entry.ts';
import { LineSplitter } from './splitter.ts';

const PROGRAMS = ['/usr/bin/journalctl', '/bin/journalctl'];
const FOLDERS = ['/run/log/journal', '/var/log/journal'];
/** journald's socket: where it isn't, nobody writes the journal, old as its files may be. */
const SOCKET = '/run/systemd/journal/socket';
/** An entry of many bytes is a long list of numbers in JSON. */
const LINE_MAX_BYTES = 512 * 1024;
const STDERR_MAX_CHARS = 512;
const END_MS = 1_000;

/** The program, where there is a journal for it to read. */
export function findJournal(): string | undefined {
  const program = PROGRAMS.find(path => existsSync(path));
  return program !== undefined && existsSync(SOCKET) && FOLDERS.some(hasJournal) ? program : undefined;
}

function hasJournal(folder: string): boolean {
  try {
    return readdirSync(folder).some(machine => {
      try {
        return readdirSync(join(folder, machine)).some(name => name.endsWith('.journal'));
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

export interface JournalSink {
  /** A line of JSON. */
  line(line: string, truncated: boolean): void;
  /** What was read at once is done. Resolves when more may come. */
  batchEnd(bytes: number): Promise<void>;
  /** journalctl ended, of itself. */
  ended(why: string): void;
}

export class JournalFollower {
  private readonly program: string;
  private readonly sink: JournalSink;
  private child: Bun.Subprocess<'ignore', 'pipe', 'pipe'> | undefined;

  constructor(program: string, sink: JournalSink) {
    this.program = program;
    this.sink = sink;
  }

  get isRunning(): boolean {
    return this.child !== undefined;
  }

  /** From the second of `sinceMs` on, or where `cursor` is given from the entry after it. Throws where the program can't be started. */
  start(cursor: string | undefined, sinceMs: number): void {
    const since = cursor === undefined ? `--since=@${Math.floor(sinceMs / 1000)}` : `--after-cursor=${cursor}`;
    const child = Bun.spawn(
      [
        this.program,
        '--output=json',
        `--output-fields=${JOURNAL_FIELDS}`,
        '--all',
        '--follow',
        '--lines=all',
        '--no-pager',
        since,
      ],
      { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', env: { LC_ALL: 'C.UTF-8' }, cwd: '/' },
    );
    this.child = child;
    void this.follow(child);
  }

  stop(): void {
    this.child?.kill();
    this.child = undefined;
  }

  private async follow(child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>): Promise<void> {
    const said = this.complaint(child.stderr);
    const splitter = new LineSplitter(LINE_MAX_BYTES);
    const onLine = (line: Buffer, truncated: boolean): void => this.sink.line(line.toString('utf8'), truncated);
    const reader = child.stdout.getReader();
    for (;;) {
      const chunk = await nextOf(reader);
      if (this.child !== child) return;
      if (chunk === undefined) break;
      splitter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), onLine);
      await this.sink.batchEnd(chunk.byteLength);
    }
    // One that closed its output and lives on is of no use.
    await Promise.race([child.exited, Bun.sleep(END_MS)]);
    child.kill();
    const code = await child.exited;
    if (this.child !== child) return;
    this.child = undefined;
    const text = (await said).trim();
    this.sink.ended(`${text === '' ? '' : `${text}; `}${child.signalCode ?? `exit code ${code}`}`);
  }

  /** The end of what journalctl says of itself. */
  private async complaint(stderr: ReadableStream<Uint8Array>): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of stderr) {
        text = (text + decoder.decode(chunk, { stream: true })).slice(-STDERR_MAX_CHARS);
      }
    } catch {
      // The pipe went with the program.
    }
    return text;
  }
}

/** Undefined at the end, or where the pipe is broken. */
async function nextOf(reader: { read(): Promise<{ readonly value?: Uint8Array | undefined }> }) {
  try {
    return (await reader.read()).value;
  } catch {
    return undefined;
  }
}

// What rpm installed, as rpm itself says: one question for all packages, when the database changed (edge: files, a process).

import { setPriority } from 'node:os';
import type { FileHashes, FilePackage, HashAlgorithm } from '../../core/event.ts';
import { textBytes } from '../../core/text.ts';
import { DigestTable, type Owned } from './digest-table.ts';
import { findAliases, stampOf } from './files.ts';
import type { Installed } from './installed.ts';

const FILES_MAX = 4_000_000;
const OUTPUT_MAX_BYTES = 1024 * 1024 * 1024;
const LINE_MAX_BYTES = 16 * 1024;
const TIMEOUT_MS = 120_000;
/** It takes seconds of a processor: not again and again while packages are being installed. */
const PAUSE_MS = 60_000;
const NICE = 10;

/** The newer place is first. */
const DATABASES = ['usr/lib/sysimage/rpm', 'var/lib/rpm'];
const DATABASE_FILES = ['rpmdb.sqlite', 'rpmdb.sqlite-wal', 'Packages.db', 'Packages'];

/** One line for each file: the name stands last, for it may hold anything. */
const FORMAT = `[${['%{=NAME}', '%{=EVR}', '%{FILESTATES}', '%{FILEDIGESTS}', '%{FILENAMES}'].join('\\t')}\\n]`;
/** State 0: installed as such, not left out and not another package's. Links, directories and ghosts have no digest. */
const LINE = /^([^\t]{1,256})\t([^\t]{1,256})\t0\t([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\t\//;
const LINE_WITHOUT = /^[^\t]{1,256}\t[^\t]{1,256}\t(\d+|\(none\))\t[0-9a-f]*\t\//;
const NEWLINE = 0x0a;

interface RpmPackage {
  readonly name: string;
  readonly version: string;
}
type Table = DigestTable<RpmPackage>;

export class Rpm implements Installed {
  readonly manager = 'rpm';
  private readonly root: string;
  private readonly program: string;
  private readonly timeoutMs: number;
  private readonly pauseMs: number;
  private readonly database: string;
  private table: Table;
  private stamp: string | undefined;
  private endedMs = Number.NEGATIVE_INFINITY;
  private packages = 0;
  /** Lines that weren't understood. */
  private odd = 0;
  private child: Bun.Subprocess<'ignore', 'pipe', 'ignore'> | undefined;

  constructor(root: string, { program = `${root}/usr/bin/rpm`, timeoutMs = TIMEOUT_MS, pauseMs = PAUSE_MS } = {}) {
    this.root = root;
    this.program = program;
    this.timeoutMs = timeoutMs;
    this.pauseMs = pauseMs;
    const databases = DATABASES.map(path => `${root}/${path}`);
    this.database = databases.find(path => stampOfDatabase(path) !== '') ?? databases[0]!;
    this.table = new DigestTable([], 0);
  }

  get isThere(): boolean {
    return stampOf(this.program) !== undefined && stampOfDatabase(this.database) !== '';
  }

  get isCurrent(): boolean {
    return stampOfDatabase(this.database) === this.stamp;
  }

  counters(): { packages: number; files: number; refused: number } {
    return { packages: this.packages, files: this.table.files, refused: this.table.refused + this.odd };
  }

  async load(): Promise<string | undefined> {
    if (performance.now() - this.endedMs < this.pauseMs) return undefined;
    const stamp = stampOfDatabase(this.database);
    const answer = new RpmAnswer(new DigestTable(findAliases(this.root), FILES_MAX));
    const failure = await this.ask(answer);
    this.endedMs = performance.now();
    if (failure !== undefined)
      return `${this.program} ${failure}: whether files are as their packages have them stays unknown`;
    this.table = answer.table;
    this.packages = answer.packages;
    this.odd = answer.odd;
    this.stamp = stamp;
    return undefined;
  }

  digestFor(path: string): HashAlgorithm | undefined {
    return this.at(path)[0]?.algorithm;
  }

  of(path: string, hashes: FileHashes | undefined): FilePackage | undefined {
    const all = this.at(path);
    const intact = hashes === undefined ? undefined : all.find(one => one.matches(hashes));
    const one = intact ?? all[0];
    return one && { manager: 'rpm', ...one.owner, state: intact === undefined ? 'changed' : 'intact' };
  }

  stop(): void {
    this.child?.kill('SIGKILL');
  }

  private at(path: string): Owned<RpmPackage>[] {
    return this.table.find(textBytes(path).subarray(1));
  }

  /** Why there is no whole answer, if so. */
  private async ask(answer: RpmAnswer): Promise<string | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failure: string | undefined;
    try {
      const child = Bun.spawn([this.program, '-qa', '--queryformat', FORMAT], {
        cwd: '/',
        env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'ignore',
      });
      this.child = child;
      setPriority(child.pid, NICE);
      timer = setTimeout(() => {
        failure = `didn't answer in ${this.timeoutMs / 1000} seconds`;
        child.kill('SIGKILL');
      }, this.timeoutMs);
      for await (const chunk of child.stdout) {
        if (answer.take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) continue;
        failure = 'answered too much';
        child.kill('SIGKILL');
        break;
      }
      const code = await child.exited;
      if (code !== 0) failure ??= `failed (${child.signalCode ?? `exit code ${code}`})`;
    } catch (error) {
      failure ??= `can't be run (${(error as Error).message})`;
    } finally {
      clearTimeout(timer);
      this.child = undefined;
    }
    return failure;
  }
}

/** What rpm wrote so far. */
class RpmAnswer {
  readonly table: Table;
  packages = 0;
  odd = 0;
  private bytes = 0;
  private rest: Buffer = Buffer.alloc(0);
  private last: RpmPackage = { name: '', version: '' };
  private owner = 0;

  constructor(table: Table) {
    this.table = table;
  }

  /** False when it's too much. */
  take(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.line(bytes, start, end);
      start = end + 1;
    }
    this.rest = bytes.subarray(start);
    return this.bytes <= OUTPUT_MAX_BYTES && this.rest.length <= LINE_MAX_BYTES;
  }

  private line(bytes: Buffer, start: number, end: number): void {
    const text = bytes.latin1Slice(start, end);
    const match = LINE.exec(text);
    if (match === null) {
      if (!LINE_WITHOUT.test(text)) this.odd++;
      return;
    }
    const [all, name, version, digest] = match;
    if (name !== this.last.name || version !== this.last.version) {
      this.last = { name: name!, version: version! };
      this.owner = this.table.addOwner(this.last);
      this.packages++;
    }
    // The name begins behind its slash; before that are a tab and the digest.
    const path = start + all.length;
    this.table.add(this.owner, bytes, path, end, bytes, path - 2 - digest!.length, digest!.length);
  }
}

/** An empty log is made by whoever asks, so by the question too. */
const stampOfDatabase = (path: string): string =>
  DATABASE_FILES.map(name => stampOf(`${path}/${name}`) ?? '')
    .filter(stamp => stamp !== '' && !stamp.includes(':0:'))
    .join(' ');

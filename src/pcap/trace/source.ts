// The kernel's tracepoint `sock/inet_sock_set_state`, in an instance of tracefs that is the agent's own (edge: tracefs). Other users of
// tracefs see nothing of it. tracefs is used where it is mounted, and never mounted.

import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type PageFormat, parsePageFormat, parseStateFormat, type StateFormat } from './format.ts';
import { type PageSinks, readPage } from './page.ts';
import { type TcpOpened, TcpStates } from './states.ts';

const ROOTS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
const EVENT = 'events/sock/inet_sock_set_state';
const PREFIX = 'puppy-hids-';
/** Of TCP what begins, and what follows: two records of a connection. */
const FILTER = 'protocol==6&&(newstate==2||oldstate==2)';
/** Monotonic, one clock for all CPUs. */
const CLOCK = 'mono';
/** Of each CPU: 1,600 connections between two drains. */
const BUFFER_KB = 256;
const CPUS_MAX = 1_024;
/** Read at once, of all CPUs: some 26,000 records. */
const PAGES_MAX = 512;
const CPU_PAGES_MIN = 4;
const STATS_BYTES = 4_096;

interface Cpu {
  readonly fd: number;
  /** The time of the last record that was read. */
  readNs: number;
}

type Attempt<T> = { readonly value: T } | { readonly reason: string };

export class TcpTrace {
  readonly #instance: string;
  readonly #page: PageFormat;
  readonly #states: TcpStates;
  readonly #cpus: Cpu[] = [];
  readonly #bytes: Buffer;
  readonly #stats = Buffer.allocUnsafeSlow(STATS_BYTES);
  readonly #sinks: PageSinks;
  #clock = -1;
  #reading: Cpu | undefined;
  #errors = 0;

  private constructor(instance: string, states: StateFormat, page: PageFormat) {
    this.#instance = instance;
    this.#page = page;
    this.#states = new TcpStates(states);
    this.#bytes = Buffer.allocUnsafeSlow(page.pageBytes);
    this.#sinks = {
      record: (bytes, at, length, timeNs) => {
        this.#reading!.readNs = timeNs;
        this.#states.record(bytes, at, length, timeNs);
      },
      lost: (count, pageTimeNs) => this.#states.lost(count, pageTimeNs),
    };
  }

  /** A text says why it can't be. `roots` are the places where tracefs may be. */
  static open(roots: readonly string[] = ROOTS): TcpTrace | string {
    const found = findEvent(roots);
    if ('reason' in found) return found.reason;
    const { root, formatText, pageText } = found.value;
    const states = parseStateFormat(formatText);
    const page = parsePageFormat(pageText);
    if (states === undefined || page === undefined) return "this kernel's records of TCP states aren't known";
    removeStaleTraces(roots);
    const instance = join(root, 'instances', `${PREFIX}${process.pid}-${Date.now().toString(36)}`);
    const trace = new TcpTrace(instance, states, page);
    const failed = attempt(() => trace.#begin());
    if ('value' in failed) return trace;
    trace.close();
    return `tracefs at ${root} can't be used: ${failed.reason}`;
  }

  /**
   * Tells what is decided by now. Costs a read of each CPU's buffer, so not for each packet: some 20 times a second, while something waits
   * for it.
   */
  drain(tell: (opened: TcpOpened) => void): void {
    if (this.#cpus.length === 0) return;
    // Before the buffers are read: all of them are known up to then.
    let upToNs = this.#nowNs();
    if (upToNs < 0) return;
    const epochMs = Date.now() - upToNs / 1e6;
    const pagesMax = Math.max(CPU_PAGES_MIN, Math.floor(PAGES_MAX / this.#cpus.length));
    for (const cpu of this.#cpus) if (!this.#read(cpu, pagesMax)) upToNs = Math.min(upToNs, cpu.readNs);
    this.#states.settle(upToNs, epochMs, tell);
  }

  counters() {
    return { ...this.#states.counters, errors: this.#errors };
  }

  /** Takes the instance away. */
  close(): void {
    for (const { fd } of this.#cpus) closeSync(fd);
    this.#cpus.length = 0;
    if (this.#clock >= 0) closeSync(this.#clock);
    this.#clock = -1;
    attempt(() => rmdirSync(this.#instance));
  }

  /** Throws. */
  #begin(): void {
    mkdirSync(this.#instance);
    const at = (path: string): string => join(this.#instance, path);
    const names = readdirSync(at('per_cpu')).filter(name => /^cpu\d+$/.test(name));
    for (const name of names.slice(0, CPUS_MAX)) {
      const fd = openSync(at(`per_cpu/${name}/trace_pipe_raw`), constants.O_RDONLY | constants.O_NONBLOCK);
      this.#cpus.push({ fd, readNs: 0 });
    }
    this.#clock = openSync(at(`per_cpu/${names[0]}/stats`), constants.O_RDONLY);
    writeFileSync(at('trace_clock'), CLOCK);
    writeFileSync(at('buffer_size_kb'), String(BUFFER_KB));
    writeFileSync(at(`${EVENT}/filter`), FILTER);
    writeFileSync(at(`${EVENT}/enable`), '1');
    if (this.#nowNs() < 0) throw new Error("its clock can't be read");
  }

  /** False where there may be more. */
  #read(cpu: Cpu, pagesMax: number): boolean {
    this.#reading = cpu;
    for (let i = 0; i < pagesMax; i++) {
      let length = 0;
      try {
        length = readSync(cpu.fd, this.#bytes, 0, this.#bytes.length, null);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#errors++;
      }
      if (length === 0) return true;
      if (!readPage(this.#bytes.subarray(0, length), this.#page, this.#sinks)) this.#errors++;
    }
    return false;
  }

  /** The time by the trace's clock; negative where it can't be read. */
  #nowNs(): number {
    const text = attempt(() => this.#stats.latin1Slice(0, readSync(this.#clock, this.#stats, 0, STATS_BYTES, 0)));
    const match = 'value' in text ? /^now ts:\s*(\d+)\.(\d{6})$/m.exec(text.value) : null;
    if (match !== null) return Number(match[1]) * 1e9 + Number(match[2]) * 1e3;
    this.#errors++;
    return -1;
  }
}

/** Takes away what agents left that were killed. The kernel keeps those whose files are open: of agents that live. */
export function removeStaleTraces(roots: readonly string[] = ROOTS): void {
  for (const root of roots) {
    const names = attempt(() => readdirSync(join(root, 'instances')));
    if ('reason' in names) continue;
    for (const name of names.value)
      if (name.startsWith(PREFIX)) attempt(() => rmdirSync(join(root, 'instances', name)));
  }
}

function findEvent(roots: readonly string[]): Attempt<{ root: string; formatText: string; pageText: string }> {
  let reason = `tracefs isn't mounted at ${roots[0]}`;
  for (const root of roots) {
    const page = attempt(() => readFileSync(join(root, 'events/header_page'), 'latin1'));
    if ('reason' in page) {
      if (!page.reason.startsWith('ENOENT')) reason = page.reason;
      continue;
    }
    const format = attempt(() => readFileSync(join(root, EVENT, 'format'), 'latin1'));
    if ('value' in format) return { value: { root, formatText: format.value, pageText: page.value } };
    reason = `the kernel has no tracepoint sock/inet_sock_set_state: ${format.reason}`;
  }
  return { reason };
}

function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { value: work() };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}

// Looks at one file: what it is, and the hashes of its content, read with bounds in size and time (edge: files). It may wait for a file
// system that doesn't answer, so it belongs into a worker.

import { closeSync, readSync } from 'node:fs';
import { native } from '../../../native/index.ts';
import type { FileHashes, FileState, HashAlgorithm } from '../../core/event.ts';
import { safeText } from '../../core/text.ts';
import { capabilityText } from './capabilities.ts';
import { devOf, hold, stateOf, unreadable } from './held.ts';
import { type Finding, HELD_NUMBERS, isSame, type Job, type Progress, type Settings } from './protocol.ts';

const ENOENT = 2;
const ENOTDIR = 20;
const ELOOP = 40;
const CHUNK_BYTES = 256 * 1024;
/** A file that changes while it's read is read once more. */
const ATTEMPTS = 2;

/** What reading a file gave. */
interface Content {
  readonly hashes?: FileHashes;
  readonly content?: Uint8Array<ArrayBuffer>;
  readonly warning?: string;
}

export class Examiner {
  /** What was read, in all. */
  bytes = 0;
  private readonly settings: Settings;
  private readonly progress: Progress;
  private readonly chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  private readonly after = new Float64Array(HELD_NUMBERS);

  constructor(settings: Settings, progress: Progress) {
    this.settings = settings;
    this.progress = progress;
  }

  examine(job: Job): Finding {
    const held = hold(job.path);
    if (held < 0) {
      if (held === -ENOENT || held === -ENOTDIR) return { warnings: [] };
      return { warnings: [held === -ELOOP ? 'symlinked_path' : unreadable(-held)] };
    }
    try {
      return this.look(held, job);
    } finally {
      closeSync(held);
    }
  }

  private look(held: number, job: Job): Finding {
    const { numbers } = this.progress;
    const failed = native().heldStat(held, numbers);
    if (failed < 0) return { warnings: [unreadable(-failed)] };
    this.progress.seen();
    const state = stateOf(numbers);
    const found = { state, dev: devOf(numbers) };
    const identity = { inode: state.inode!, dev: found.dev };
    if (job.expected !== undefined && !job.expected.some(one => isSame(one, identity)))
      return { ...found, warnings: [] };
    if (state.type === 'symlink') {
      const target = native().heldLink(held);
      if (typeof target === 'number') return { ...found, warnings: [unreadable(-target)] };
      return { dev: found.dev, state: { ...state, target: safeText(Buffer.from(target)) }, warnings: [] };
    }
    if (state.type !== 'file') return { ...found, warnings: [] };
    const fd = native().heldOpen(held);
    if (fd < 0) return { ...found, warnings: [unreadable(-fd)] };
    try {
      return this.read(fd, job, state);
    } catch (error) {
      return { ...found, warnings: [`unreadable_${(error as NodeJS.ErrnoException).code ?? 'EIO'}`] };
    } finally {
      closeSync(fd);
    }
  }

  private read(fd: number, job: Job, first: FileState): Finding {
    const { numbers } = this.progress;
    const value = native().heldCapability(fd);
    const warnings = typeof value === 'number' ? [unreadable(-value)] : [];
    const capabilities =
      typeof value === 'number' || value.length === 0 ? undefined : capabilityText(Buffer.from(value));
    const deadline = performance.now() + this.settings.timeoutMs;
    let read: Content = {};
    let state = first;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      read = this.readOnce(fd, job, state, deadline);
      if (read.warning !== 'changing') break;
      native().heldStat(fd, numbers);
      state = stateOf(numbers);
    }
    const { hashes, content, warning } = read;
    if (warning !== undefined) warnings.push(warning);
    return {
      state: { ...state, ...(hashes !== undefined && { hashes }), ...(capabilities !== undefined && { capabilities }) },
      dev: devOf(numbers),
      ...(content !== undefined && { content }),
      warnings,
    };
  }

  private readOnce(fd: number, job: Job, state: FileState, deadline: number): Content {
    const size = state.size ?? 0;
    const asked = this.settings.hashes;
    const algorithms = job.hashes === undefined ? asked : [...new Set([...asked, ...job.hashes])];
    if (algorithms.length > 0 && size > this.settings.hashMaxBytes) return { warning: 'not_hashed_size' };
    const wantsContent = job.contentMaxBytes !== undefined && size <= job.contentMaxBytes;
    if (algorithms.length === 0 && !wantsContent) return {};
    const hashers = algorithms.map(algorithm => ({ algorithm, hasher: new Bun.CryptoHasher(algorithm) }));
    const content = wantsContent ? new Uint8Array(size) : undefined;
    let at = 0;
    // Once at least: files of /proc say that they are empty.
    do {
      const n = readSync(fd, this.chunk, 0, CHUNK_BYTES, at);
      if (n === 0) break;
      this.bytes += n;
      if (at + n > size) return { warning: 'changing' };
      const piece = this.chunk.subarray(0, n);
      for (const { hasher } of hashers) hasher.update(piece);
      content?.set(piece, at);
      at += n;
      if (performance.now() > deadline) return { warning: 'hash_timeout' };
    } while (at < size);
    if (at !== size || this.hasChanged(fd)) return { warning: 'changing' };
    const hashes: { [A in HashAlgorithm]?: string } = {};
    for (const { algorithm, hasher } of hashers) hashes[algorithm] = hasher.digest('hex');
    return { ...(hashers.length > 0 && { hashes }), ...(content !== undefined && { content }) };
  }

  /** Size or times differ from what they were. */
  private hasChanged(fd: number): boolean {
    const { after } = this;
    const { numbers } = this.progress;
    return (
      native().heldStat(fd, after) < 0 ||
      after[6] !== numbers[6] ||
      after[9] !== numbers[9] ||
      after[10] !== numbers[10]
    );
  }
}

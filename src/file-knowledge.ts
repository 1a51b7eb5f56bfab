// What is known of files beside what the watcher tells: what they are now, what they were, whose package they are, what changed in
// their text, and who did it where the watcher can't say.

import { join } from 'node:path';
import type { AuditEvent } from './audit/event.ts';
import type { Config } from './config/config.ts';
import type { FilePackage, FileState } from './core/event.ts';
import type { TaskFacts } from './core/observation.ts';
import type { Note } from './core/source.ts';
import type { FileChange } from './fsnotify/change.ts';
import type { DescriberParts, Found } from './fsnotify/describe.ts';
import { Inspector } from './fsnotify/inspect/inspector.ts';
import { PackageIndex } from './fsnotify/packages/package-index.ts';
import { isSecret, TEXT_MAX_BYTES, textOf, unifiedDiff } from './fsnotify/text-diff.ts';
import { Who } from './fsnotify/who.ts';
import { BaselineStore } from './store/baseline.ts';
import { compareWithBaseline, WHILE_DOWN } from './store/baseline-compare.ts';
import { isSame } from './store/baseline-differences.ts';
import { BASELINE_FILE } from './store/baseline-file.ts';
import { TextStore } from './store/texts.ts';

/** Files that may wait to be looked at; beyond, they are told without a hash. */
const INSPECT_MAX = 16_384;
const TEXTS_FILE = 'texts.db';

export interface KnowledgeOptions {
  readonly config: Pick<Config, 'fsnotify' | 'stateDir'>;
  /** What is watched: as configured, with names such as `%web%` resolved. */
  readonly paths: readonly string[];
  readonly excludes: readonly string[];
  readonly note: (note: Note) => void;
  /** What changed while no agent ran. */
  readonly tell: (change: FileChange) => void;
}

export class FileKnowledge implements Omit<DescriberParts, 'isPast' | 'tell'> {
  private readonly options: KnowledgeOptions;
  private readonly inspector: Inspector;
  private readonly packages: PackageIndex;
  private readonly baseline: BaselineStore | undefined;
  private readonly texts: TextStore | undefined;
  private readonly writers = new Who();
  private readonly stopping = new AbortController();
  private compared: object | undefined;

  constructor(options: KnowledgeOptions) {
    this.options = options;
    const { config, note } = options;
    const { fsnotify, stateDir } = config;
    const noteFile = (level: 'info' | 'warning', message: string): void => note({ code: 'fs_state', level, message });
    this.inspector = new Inspector(
      {
        hashes: fsnotify.hashes,
        hashMaxBytes: fsnotify.hashMaxBytes,
        bytesPerSecond: fsnotify.hashBytesPerSecond,
        queueMax: INSPECT_MAX,
      },
      note,
    );
    this.packages = new PackageIndex({ note: message => note({ code: 'fs_packages', level: 'warning', message }) });
    if (fsnotify.baseline) {
      this.baseline = new BaselineStore({
        path: join(stateDir, BASELINE_FILE),
        maxPaths: fsnotify.maxFiles,
        onNote: noteFile,
      });
    }
    if (fsnotify.diff) this.texts = new TextStore({ path: join(stateDir, TEXTS_FILE), onNote: noteFile });
  }

  /** Once everything is watched: what differs from what was known is told, or learned the first time. */
  async compare(): Promise<void> {
    const { baseline, stopping } = this;
    const { config, paths, excludes, tell, note } = this.options;
    if (baseline === undefined) return;
    const isFirst = baseline.isNew;
    const { hashes, hashMaxBytes } = config.fsnotify;
    const counters = await compareWithBaseline({
      watched: { paths, excludes, hashes, hashMaxBytes },
      store: baseline,
      inspect: ({ path, priority }, done) => this.look({ path }, priority, found => this.learn(path, found, done)),
      tell,
      signal: stopping.signal,
    });
    this.compared = counters;
    if (stopping.signal.aborted) return;
    const { files, told } = counters;
    const message = isFirst
      ? `files: the baseline holds ${files} files; from now on it is told what they were before`
      : `files: ${files} compared with the baseline, ${told} changed while no agent was watching`;
    note({ code: 'fs_compared', level: 'info', message });
  }

  inspect(change: FileChange, done: (found: Found) => void): void {
    const { path, hostPath, inode, dev, containerId } = change;
    const at = hostPath ?? path;
    const look = (): void => this.look({ path: at, inode, dev }, 'event', done, containerId === undefined);
    const loading = containerId === undefined ? this.packages.refresh(Date.now()) : undefined;
    if (loading === undefined) look();
    else void loading.then(look);
  }

  previous(hostPath: string): FileState | undefined {
    return this.baseline?.previous(hostPath);
  }

  note(hostPath: string, state: FileState | undefined): void {
    this.baseline?.note(hostPath, state);
    if (state === undefined) this.texts?.set(hostPath, undefined);
  }

  isTold({ path, previous, warnings }: FileChange): boolean {
    return warnings.includes(WHILE_DOWN) && !isSame(this.previous(path), previous);
  }

  moved(from: string, to: string): void {
    this.baseline?.moved(from, to);
  }

  packageOf({ path, containerId }: FileChange, state: FileState | undefined): FilePackage | undefined {
    return containerId === undefined ? this.packages.of(path, state) : undefined;
  }

  diff(hostPath: string, content: Uint8Array | undefined): string | undefined {
    const { texts } = this;
    if (texts === undefined || content === undefined) return undefined;
    const before = texts.get(hostPath);
    const after = textOf(content);
    if (before !== after) texts.set(hostPath, after);
    return before === undefined || after === undefined ? undefined : unifiedDiff(before, after);
  }

  who(change: FileChange): TaskFacts | undefined {
    return change.teller === 'inotify' ? this.writers.find(change) : undefined;
  }

  /** Audit's view of writes to files, where the kernel was asked for it. */
  audited(event: AuditEvent): void {
    this.writers.add(event);
  }

  tick(nowMs: number): void {
    this.baseline?.tick(nowMs);
    this.texts?.flush();
  }

  counters(): Record<string, unknown> {
    const { baseline, compared } = this;
    return {
      inspected: { ...this.inspector.counters() },
      packages: { ...this.packages.counters() },
      who: { ...this.writers.counters },
      ...(baseline !== undefined && { baseline: baseline.counters() }),
      ...(compared !== undefined && { compared }),
    };
  }

  /** Whatever waits for an answer gets one. */
  stop(): void {
    this.stopping.abort();
    this.packages.stop();
    this.inspector.stop();
  }

  /** After the last change was told. */
  close(): void {
    this.baseline?.close();
    this.texts?.close();
  }

  private look(
    at: { readonly path: string; readonly inode?: string | undefined; readonly dev?: string | undefined },
    priority: 'event' | 'background',
    done: (found: Found) => void,
    isHosts = true,
  ): void {
    const digest = isHosts && priority === 'event' ? this.packages.digestFor(at.path) : undefined;
    const isRead = this.texts !== undefined && !isSecret(at.path);
    this.inspector.inspect(
      {
        ...at,
        priority,
        hashes: digest === undefined ? undefined : [digest],
        contentMaxBytes: isRead ? TEXT_MAX_BYTES : undefined,
      },
      done,
    );
  }

  private learn(path: string, found: Found, done: (found: Found) => void): void {
    const text = found.content === undefined ? undefined : textOf(found.content);
    if (text !== undefined && this.baseline?.isNew === true) this.texts?.set(path, text);
    done(found);
  }
}

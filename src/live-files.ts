// The file watcher of a live run: it runs while a loaded rule needs it, or where the configuration wants it. Here its parts meet: the
// watcher, the inspector, what files were before, their packages, and who did it.

import { readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FileChange } from './fsnotify/change.ts';
import { Describer, type Found } from './fsnotify/describe.ts';
import { FsSource } from './fsnotify/source.ts';
import type { LiveRun } from './live-run.ts';
import type { OutputSpec } from './output/spec.ts';
import type { Ruleset } from './rules/ruleset.ts';

const RELEASE_MS = 50;

export interface LiveFilesOptions {
  readonly run: LiveRun;
  /** What happened until then has been read from audit. */
  readonly auditReadUpToMs: () => number;
}

export class LiveFiles {
  private readonly options: LiveFilesOptions;
  private running: { readonly source: FsSource; readonly describer: Describer } | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveFilesOptions) {
    this.options = options;
  }

  /** Starts or stops the watcher, as these rules need. */
  follow(ruleset: Ruleset, nowMs: number): void {
    const { run } = this.options;
    const { fsnotify, sources, events } = run.config();
    const isNeeded = fsnotify.enabled === 'auto' ? ruleset.needs.fsnotify || events : fsnotify.enabled;
    const isWanted = isNeeded && sources.includes('fsnotify');
    if (isWanted === (this.running !== undefined)) return;
    if (isWanted) this.start(nowMs);
    else this.stop();
  }

  tick(nowMs: number): void {
    this.running?.source.tick(nowMs);
  }

  stop(): void {
    const { running } = this;
    if (running === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    running.source.stop();
    running.describer.releaseAll();
    this.running = undefined;
  }

  /** Of the watcher that runs; undefined where none does. */
  counters() {
    const { running } = this;
    if (running === undefined) return undefined;
    const { size, hurried } = running.describer;
    return { ...running.source.counters(), waiting: size, hurried };
  }

  private start(nowMs: number): void {
    const { run } = this.options;
    const { fsnotify, limits, stateDir, outputs, recordDir } = run.config();
    const describer = new Describer(
      {
        inspect: (change, done) => done(lookAt(change)),
        previous: () => undefined,
        note: () => undefined,
        packageOf: () => undefined,
        diff: () => undefined,
        who: () => undefined,
        isPast: timeMs => this.options.auditReadUpToMs() >= timeMs,
        tell: observation => {
          run.recorder?.file(observation);
          run.pipeline(observation);
        },
      },
      limits.queueEvents,
    );
    const source = new FsSource(
      {
        paths: fsnotify.paths,
        excludes: fsnotify.exclude,
        ownPaths: ownPaths(stateDir, outputs, recordDir),
        backend: fsnotify.backend,
        maxFiles: fsnotify.maxFiles,
        pid: process.pid,
      },
      {
        change: change => describer.push(change),
        batchEnd: () => this.release(),
        loss: (loss, fromMs, toMs) => run.sayLoss({ source: 'fsnotify', ...loss, fromMs, toMs }),
        note: note => run.log[note.level](note.message),
        availability: (up, message) => run.sayAvailability('fsnotify', up, message),
      },
    );
    this.running = { source, describer };
    const startedMs = performance.now();
    void source.start(nowMs).then(() => {
      const { directories, files } = source.counters();
      const ms = Math.round(performance.now() - startedMs);
      run.log.info(`files: watching ${files} files in ${directories} directories (looked at in ${ms} ms)`);
    });
  }

  private release(): void {
    const { running } = this;
    if (running === undefined) return;
    running.describer.release();
    this.options.run.pump();
    if (running.describer.size === 0 || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.release();
    }, RELEASE_MS);
  }
}

function lookAt(_change: FileChange): Found {
  return { warnings: [] };
}

/** What the agent itself writes: also what its output was redirected into. */
function ownPaths(stateDir: string, outputs: readonly OutputSpec[], recordDir: string | undefined): string[] {
  const files = outputs.flatMap(({ path }) => (path === undefined ? [] : [resolve(path), `${resolve(path)}.*`]));
  const folders = recordDir === undefined ? [stateDir] : [stateDir, recordDir];
  const redirected = [1, 2].map(fd => readlinkSync(`/proc/self/fd/${fd}`)).filter(path => path.startsWith('/'));
  return [...folders.map(path => resolve(path)), ...files, ...redirected];
}

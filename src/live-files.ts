// The file watcher of a live run: it runs while a loaded rule needs it, or where the configuration wants it.

import type { AuditEvent } from './audit/event.ts';
import type { Note } from './core/source.ts';
import { FileKnowledge } from './file-knowledge.ts';
import { Describer } from './fsnotify/describe.ts';
import { FsSource } from './fsnotify/source.ts';
import type { LiveRun } from './live-run.ts';
import { ContainerRoots } from './proc/container-roots.ts';
import type { Ruleset } from './rules/ruleset.ts';
import { ownPaths, watchedPaths } from './watched-paths.ts';

const RELEASE_MS = 50;
/** Changes that wait to be told, while others stay with the reader. */
const WAITING_MAX = 4_096;

export interface LiveFilesOptions {
  readonly run: LiveRun;
  /** What happened until then has been read from audit. */
  readonly auditReadUpToMs: () => number;
}

interface Running {
  readonly source: FsSource;
  readonly describer: Describer;
  readonly knowledge: FileKnowledge;
  readonly paths: readonly string[];
  readonly containers: ContainerRoots | undefined;
}

export class LiveFiles {
  private readonly options: LiveFilesOptions;
  private running: Running | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveFilesOptions) {
    this.options = options;
  }

  /** Starts or stops the watcher, as these rules need. */
  follow(ruleset: Ruleset, nowMs: number): void {
    const { fsnotify, sources, events } = this.options.run.config();
    const isNeeded = fsnotify.enabled === 'auto' ? ruleset.needs.fsnotify || events : fsnotify.enabled;
    const isWanted = isNeeded && sources.includes('fsnotify');
    if (isWanted === (this.running !== undefined)) return;
    if (isWanted) this.start(nowMs);
    else this.stop();
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** What audit is to be asked about, because the watcher can't say who. */
  get whoPatterns(): readonly string[] {
    const { running } = this;
    return running === undefined || running.source.saysWho ? [] : running.paths;
  }

  audited(event: AuditEvent): void {
    if (this.running?.source.saysWho === false) this.running.knowledge.audited(event);
  }

  tick(nowMs: number): void {
    this.running?.source.tick(nowMs);
    this.running?.containers?.tick();
    this.running?.knowledge.tick(nowMs);
  }

  stop(): void {
    const { running } = this;
    if (running === undefined) return;
    const { source, describer, knowledge, containers } = running;
    clearTimeout(this.timer);
    this.timer = undefined;
    source.stop();
    containers?.stop();
    knowledge.stop();
    describer.releaseAll();
    knowledge.close();
    this.running = undefined;
  }

  /** Of the watcher that runs; undefined where none does. */
  counters(): Record<string, unknown> | undefined {
    const { running } = this;
    if (running === undefined) return undefined;
    const { size, hurried } = running.describer;
    return {
      ...running.source.counters(),
      containers: running.containers?.size ?? 0,
      waiting: size,
      hurried,
      ...running.knowledge.counters(),
    };
  }

  private start(nowMs: number): void {
    const { run, auditReadUpToMs } = this.options;
    const config = run.config();
    const { fsnotify, limits } = config;
    const { paths, excludes, notes } = watchedPaths(fsnotify);
    const note = ({ level, message }: Note): void => run.log[level](message);
    for (const message of notes) note({ code: 'fs_web', level: 'warning', message: `%web%: ${message}` });
    const own = ownPaths(config);
    const knowledge = new FileKnowledge({
      config,
      paths,
      excludes: [...excludes, ...own],
      note,
      tell: change => {
        describer.push(change);
        this.release();
      },
    });
    const describer: Describer = new Describer(
      {
        inspect: (change, done) => knowledge.inspect(change, done),
        previous: path => knowledge.previous(path),
        note: (path, state) => knowledge.note(path, state),
        isTold: change => knowledge.isTold(change),
        moved: (from, to) => knowledge.moved(from, to),
        packageOf: (change, state) => knowledge.packageOf(change, state),
        diff: (path, content) => knowledge.diff(path, content),
        who: change => knowledge.who(change),
        isPast: timeMs => auditReadUpToMs() >= timeMs,
        tell: observation => {
          run.recorder?.file(observation);
          run.pipeline(observation);
        },
      },
      limits.queueEvents,
    );
    const source: FsSource = new FsSource(
      {
        paths,
        excludes,
        ownPaths: own,
        backend: fsnotify.backend,
        maxFiles: fsnotify.maxFiles,
        pid: process.pid,
      },
      {
        met: who => run.met?.(who),
        change: change => describer.push(change),
        batchEnd: () => this.release(),
        isBusy: () => describer.size > WAITING_MAX,
        loss: (loss, fromMs, toMs) => run.sayLoss({ source: 'fsnotify', ...loss, fromMs, toMs }),
        note,
        availability: (up, message) => run.sayAvailability('fsnotify', up, message),
        mounts: table => containers?.mounts(table),
      },
    );
    const containers = fsnotify.containers ? new ContainerRoots({ source, note }) : undefined;
    this.running = { source, describer, knowledge, paths, containers };
    void this.begin(this.running, nowMs);
  }

  private async begin({ source, knowledge }: Running, nowMs: number): Promise<void> {
    const { log } = this.options.run;
    const startedMs = performance.now();
    await source.start(nowMs);
    if (this.running?.source !== source) return;
    const { directories, files } = source.counters();
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    log.info(`files: watching ${files} files and ${directories} directories, found in ${seconds} s`);
    await knowledge.compare();
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

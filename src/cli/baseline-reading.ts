// What the `baseline` commands look at: everything that the configuration watches, or the named part of it, read by the inspector
// (edge: files).

import type { Config } from '../config/config.ts';
import type { FileState } from '../core/event.ts';
import { Inspector } from '../fsnotify/inspect/inspector.ts';
import { SurveyArea, type Surveyed, type SurveyOptions, survey } from '../fsnotify/survey.ts';
import { InFlight } from '../store/in-flight.ts';
import { ownPaths, watchedPaths } from '../watched-paths.ts';
import type { Progress } from './progress.ts';

/** The inspector's queue is longer. */
const IN_FLIGHT_MAX = 1_024;

export interface Present {
  readonly path: string;
  readonly state: FileState;
}

/** The inspector doesn't work. */
export class ReadingError extends Error {}

export class Reading {
  readonly paths: readonly string[];
  readonly excludes: readonly string[];
  readonly area: SurveyArea;
  /** What couldn't be read, with the reason; the first of them. */
  readonly unread: string[] = [];
  unreadCount = 0;
  private readonly options: SurveyOptions;
  private readonly inspector: Inspector;

  constructor(config: Config, within: readonly string[], onNote: (message: string) => void) {
    const { hashes, hashMaxBytes } = config.fsnotify;
    const { paths, excludes } = watchedPaths(config.fsnotify);
    this.paths = paths;
    this.excludes = [...excludes, ...ownPaths(config)];
    this.options = {
      paths: this.paths,
      excludes: this.excludes,
      within,
      onUnread: (path, errno) => this.cannot(path, errno === undefined ? 'too many entries' : `error ${errno}`),
    };
    this.area = new SurveyArea(this.options);
    this.inspector = new Inspector({ hashes, hashMaxBytes }, note => onNote(note.message));
  }

  async count(): Promise<number> {
    let count = 0;
    for await (const _ of survey({ ...this.options, onUnread: () => undefined })) count++;
    return count;
  }

  async *present(progress: Progress): AsyncGenerator<Surveyed, void, undefined> {
    for await (const found of survey(this.options)) {
      yield found;
      progress.add(1);
    }
  }

  /** What these files are now; those that went meanwhile are left out. Throws {@link ReadingError}. */
  async *read(files: AsyncIterable<Surveyed>): AsyncGenerator<Present, void, undefined> {
    const flying = new InFlight();
    const ready: Present[] = [];
    let failed: string | undefined;
    for await (const { path } of files) {
      await flying.fewerThan(IN_FLIGHT_MAX);
      flying.begin();
      // Nothing else is urgent here, and the background is slowed down.
      this.inspector.inspect({ path, priority: 'event' }, ({ state, warnings }) => {
        flying.end();
        if (warnings.includes('hash_failed')) failed ??= path;
        const reason = warnings.find(code => code.startsWith('unreadable') || code.startsWith('hash_'));
        if (reason !== undefined) this.cannot(path, reason);
        if (state !== undefined) ready.push({ path, state });
      });
      if (failed !== undefined) break;
      yield* ready.splice(0);
    }
    await flying.fewerThan(1);
    if (failed !== undefined) throw new ReadingError(`reading files fails, first at ${failed}`);
    yield* ready.splice(0);
  }

  stop(): void {
    this.inspector.stop();
  }

  private cannot(path: string, reason: string): void {
    this.unreadCount++;
    if (this.unread.length < 10) this.unread.push(`${path} (${reason})`);
  }
}

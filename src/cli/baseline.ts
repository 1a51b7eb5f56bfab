// `baseline`: what watched files were, what differs from it now, and that what is now is right.

import { statSync } from 'node:fs';
import os from 'node:os';
import { join, resolve } from 'node:path';
import type { FileState } from '../core/event.ts';
import type { Surveyed } from '../fsnotify/survey.ts';
import type { Log } from '../log.ts';
import { visible } from '../output/ecs/json.ts';
import { missingCapabilities } from '../proc/listeners.ts';
import { isSame, isUntouched } from '../store/baseline-differences.ts';
import { BASELINE_FILE, BaselineFile } from '../store/baseline-file.ts';
import { isBusy, isDamage, reasonOf } from '../store/database.ts';
import { choice, readArguments, UsageError } from './args.ts';
import { type Difference, differenceOf, differenceTable, jsonLine } from './baseline-difference.ts';
import { Reading, ReadingError } from './baseline-reading.ts';
import { configuration } from './configuration.ts';
import { type Command, type Io, logFor } from './io.ts';
import { Progress } from './progress.ts';

const ACTIONS = ['create', 'diff', 'accept'] as const;
type Action = (typeof ACTIONS)[number];

/** An agent writes in transactions of milliseconds, another `baseline` too. */
const BUSY_MS = 10_000;
/** In one transaction, so that an agent needn't wait long for it. */
const BATCH = 100;
const PAGE = 1_000;

interface Work {
  readonly file: BaselineFile;
  readonly reading: Reading;
  readonly progress: Progress;
  readonly log: Log;
}

async function run(argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(argv, { format: { type: 'string' }, full: { type: 'boolean' } }, []);
  const [word, ...given] = args.operands;
  const action = ACTIONS.find(name => name === word);
  if (action === undefined) throw new UsageError(`baseline ${ACTIONS.join('|')}: one of them is expected`);
  if (action === 'create' && given.length > 0) {
    throw new UsageError('baseline create takes everything that is watched; "baseline accept PATH" takes a part of it');
  }
  const isFull = args.flags.full === true;
  const format = choice(args, 'format', ['table', 'json']) ?? 'table';
  for (const flag of ['full', 'format']) {
    if (args.flags[flag] !== undefined && action !== 'diff') throw new UsageError(`--${flag} is for baseline diff`);
  }
  const config = configuration(args, io, os.machine());
  if (config === undefined) return 2;
  const log = logFor(args, io);
  if (missingCapabilities(['DAC_READ_SEARCH', 'DAC_OVERRIDE']).length === 2) return notPermitted(action, log);
  const path = join(config.stateDir, BASELINE_FILE);
  if (action !== 'create' && !isThere(path)) return noBaseline(path, log);
  const reading = new Reading(
    config,
    given.map(text => resolve(text)),
    message => log.warning(message),
  );
  let file: BaselineFile | undefined;
  try {
    file = new BaselineFile(path, { busyMs: BUSY_MS, maxPaths: config.fsnotify.maxFiles });
    if (action !== 'create' && file.meta() === undefined) return noBaseline(path, log);
    const total = action !== 'create' ? file.size : io.errIsTerminal ? await reading.count() : 0;
    const progress = new Progress(given.length > 0 ? 0 : total, io.errIsTerminal, io.err);
    const work: Work = { file, reading, progress, log };
    if (action === 'diff') return await diff(work, isFull, format, io);
    return await take(work, action);
  } catch (error) {
    return failed(error, path, action, log);
  } finally {
    reading.stop();
    file?.close();
  }
}

/** What is there now is the accepted state. */
async function take(work: Work, action: 'create' | 'accept'): Promise<number> {
  const { file, reading, progress, log } = work;
  let batch: [path: string, state: FileState | undefined][] = [];
  const write = (least: number): void => {
    if (batch.length < least) return;
    file.transaction(() => {
      for (const [path, state] of batch) file.accept(path, state);
    });
    batch = [];
  };
  let read = 0;
  for await (const { path, state } of reading.read(action === 'create' ? reading.present(progress) : changed(work))) {
    if (action === 'create' || !isSame(file.accepted(path), state)) read++;
    batch.push([path, state]);
    write(BATCH);
  }
  let gone = 0;
  for (const path of absent(work, (at, most) => file.pathsFrom(at, most), action === 'create')) {
    gone++;
    batch.push([path, undefined]);
    write(BATCH);
  }
  write(1);
  const { paths, excludes } = reading;
  if (action === 'create') file.transaction(() => file.setMeta({ paths, excludes, timeMs: Date.now() }));
  progress.end();
  tellUnread(work);
  log.info(
    `baseline: ${read} files ${action === 'create' ? 'taken' : 'accepted'}${gone > 0 ? `, ${gone} are gone` : ''}`,
  );
  if (file.refused > 0) log.warning(`${file.refused} files had no place: raise fsnotify.max_files, or watch less`);
  return reading.unreadCount + file.refused > 0 ? 1 : 0;
}

async function* changed({ file, reading, progress }: Work): AsyncGenerator<Surveyed, void, undefined> {
  for await (const found of reading.present(progress)) {
    const accepted = file.accepted(found.path);
    if (accepted === undefined || !isUntouched(found.seen, accepted)) yield found;
  }
}

async function diff(work: Work, isFull: boolean, format: 'table' | 'json', io: Io): Promise<number> {
  const { file, reading, progress } = work;
  const found: Difference[] = [];
  file.freeze();
  const add = (path: string, before: FileState | undefined, after: FileState | undefined): void => {
    const difference = differenceOf(path, before, after);
    if (difference !== undefined) found.push(difference);
  };
  const files = isFull ? reading.present(progress) : unlessKnown(work, add);
  for await (const { path, state } of reading.read(files)) add(path, file.accepted(path), state);
  for (const path of absent(work, (at, most) => file.acceptedFrom(at, most).map(entry => entry.path), false))
    add(path, file.accepted(path), undefined);
  progress.end();
  tellUnread(work);
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  if (format === 'json') for (const difference of found) io.out(jsonLine(difference));
  else if (found.length > 0) io.out(differenceTable(found, io.outColumns));
  return found.length + reading.unreadCount > 0 ? 1 : 0;
}

/** What has to be read; of what the agent has read since it changed, `add` is told at once. */
async function* unlessKnown(
  { file, reading, progress }: Work,
  add: (path: string, before: FileState | undefined, after: FileState) => void,
): AsyncGenerator<Surveyed, void, undefined> {
  for await (const one of reading.present(progress)) {
    const { path, seen } = one;
    const accepted = file.accepted(path);
    if (accepted !== undefined && isUntouched(seen, accepted)) continue;
    const known = file.known(path);
    if (known !== undefined && isUntouched(seen, known)) add(path, accepted, known);
    else yield one;
  }
}

/** Of these paths those with nothing there; where `withOthers`, also those that aren't watched. */
function* absent(
  { reading: { area } }: Work,
  pathsFrom: (path: string, most: number) => string[],
  withOthers: boolean,
): Generator<string, void, undefined> {
  for (let page = pathsFrom('', PAGE); page.length > 0; page = pathsFrom(page.at(-1)!, PAGE)) {
    for (const path of page) {
      const isWatched = area.covers(path);
      if (isWatched ? area.look(path) === undefined : withOthers) yield path;
    }
  }
}

function tellUnread({ reading: { unread, unreadCount }, log }: Work): void {
  if (unreadCount === 0) return;
  const more = unreadCount > unread.length ? ' …' : '';
  log.warning(`${unreadCount} could not be read: ${visible(unread.join(', '))}${more}`);
}

/** Throws where it can't be said. */
function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function noBaseline(path: string, log: Log): number {
  log.error(
    `there is no baseline in ${path}: make one with "puppy-hids baseline create", or let an agent run for a while`,
  );
  return 2;
}

function notPermitted(action: Action, log: Log): number {
  log.error(`not permitted: all files must be readable. Run it as root: sudo ./puppy-hids baseline ${action}`);
  return 3;
}

function failed(error: unknown, path: string, action: Action, log: Log): number {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM' || code === 'SQLITE_READONLY') return notPermitted(action, log);
  if (isBusy(error)) log.error(`${path}: another process is writing to it; try again`);
  else if (isDamage(error)) log.error(`${path}: ${reasonOf(error)}; move it away, and create a new one`);
  else if (error instanceof ReadingError) log.error(error.message);
  else if (code === undefined) throw error;
  else log.error(`${path}: ${reasonOf(error)}`);
  return 1;
}

export const baselineCommand: Command = {
  summary: 'file integrity: what watched files were, and what differs from it',
  help: `puppy-hids baseline create|diff|accept [--config FILE] [--format table|json] [--full] [PATH...]

  create  takes everything that the configuration watches (fsnotify.paths) as it is now for right: type, owner, mode, size, times,
          capabilities, the hashes of the content. A running agent does the same at its first start.
  diff    shows what is otherwise now than what was accepted, one row for each thing that changed; with --format json one line for each
          file, with its whole state before and after. A file is read only if inode, mode or times differ; --full reads every one.
  accept  takes what is there now for right: all of it, or the paths given and what is beneath.

Works beside a running agent and without one. The baseline is baseline.db in the state_dir. A name may hold anything: what doesn't show
is written as \\xNN or \\uNNNN, and a path is given so too.
Exit codes: 0 done, and for diff nothing differs; 1 something differs, couldn't be read, or failed; 2 the configuration is wrong, or there is no
baseline; 3 not permitted.
`,
  run,
};

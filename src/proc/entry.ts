// One process in the table, and what can be said of it at a given time. Pure: asks nobody.

import type { Process, ProcessImage } from '../core/event.ts';
import { isRuntime } from './container-patterns.ts';
import { imageBytes } from './image.ts';

export const ANCESTORS_MAX = 16;

/**
 * How far times of the same moment may lie apart: audit's have the kernel tick's resolution (10 ms), start times USER_HZ's (10 ms),
 * the time of boot is measured to some 20 ms. A pid can't come round within it.
 */
export const TIME_SLACK_MS = 100;

/** The ancestors that the children of one image share. Images alone: no chain of processes is kept alive by its newest member. */
export interface Lineage {
  readonly images: readonly ProcessImage[];
  readonly bytes: number;
  /** Which of the nearest two brings processes into containers: the parent (1), or only the one above it (2). */
  readonly runtime: 0 | 1 | 2;
  /** How many entries hold it: its bytes are accounted once. */
  users: number;
}

export interface Entry {
  readonly pid: number;
  process: Process;
  /** What it was before its last exec: for late events. */
  former: Process | undefined;
  lineage: Lineage;
  /** Made once, for all children. */
  childLineage: Lineage | undefined;
  /** Table time at which it surely was this process already: its first event, or its start. */
  readonly firstMs: number;
  /** Table time by which the pid had been given out to it. Before `firstMs` where it may be who had the pid before. */
  readonly givenMs: number;
  /** Table time of its last exec; `firstMs` where none was seen. */
  imageMs: number;
  /** Table time of the last proof that it lived. */
  aliveMs: number;
  /** Known once it was read in /proc. */
  startTicks: number | undefined;
  /** Table time by which it had ended. */
  endedMs: number | undefined;
  /** Its root directory isn't the host's. Children inherit it. */
  foreign: boolean;
  /** It has mounts of its own over the host's root. Children inherit it. */
  privateMounts: boolean;
  /** Who had this pid before: for late events. It has no predecessor of its own. */
  prior: Entry | undefined;
  /** The store's count of uses when it last gave the entry its place. */
  movedAt: number;
}

export function newEntry(parts: {
  process: Process;
  lineage: Lineage;
  firstMs: number;
  givenMs?: number | undefined;
  aliveMs: number;
  startTicks: number | undefined;
  foreign: boolean;
  privateMounts: boolean;
}): Entry {
  return {
    pid: parts.process.image.pid,
    process: parts.process,
    former: undefined,
    lineage: parts.lineage,
    childLineage: undefined,
    firstMs: parts.firstMs,
    givenMs: parts.givenMs ?? parts.firstMs,
    imageMs: parts.firstMs,
    aliveMs: parts.aliveMs,
    startTicks: parts.startTicks,
    endedMs: undefined,
    foreign: parts.foreign,
    privateMounts: parts.privateMounts,
    prior: undefined,
    movedAt: 0,
  };
}

const NO_LINEAGE: Lineage = { images: [], bytes: 0, runtime: 0, users: 0 };

export function lineageBelow(parent: Entry | undefined): Lineage {
  if (parent === undefined) return NO_LINEAGE;
  if (parent.childLineage === undefined) {
    const images = [parent.process.image, ...parent.process.ancestors.slice(0, ANCESTORS_MAX - 1)];
    let bytes = 0;
    for (const image of images) bytes += imageBytes(image);
    const runtime = isRuntime(images[0]!.executable) ? 1 : isRuntime(images[1]?.executable) ? 2 : 0;
    parent.childLineage = { images, bytes, runtime, users: 0 };
  }
  return parent.childLineage;
}

export function makeProcess(
  image: ProcessImage,
  ancestors: readonly ProcessImage[],
  parentPid: number | undefined,
): Process {
  return parentPid === undefined || parentPid <= 0 ? { image, ancestors } : { image, ancestors, parentPid };
}

/**
 * - `alive`: it was this process.
 * - `before`: the time is before anything that is known of it: maybe its predecessor's.
 * - `ended`: it had ended.
 * - `unsure`: its last sign of life is too long ago to tell without asking.
 */
export type Standing = 'alive' | 'before' | 'ended' | 'unsure';

export function standing(entry: Entry, t: number, recheckMs: number, startMs: number | undefined): Standing {
  if (entry.endedMs !== undefined && t > entry.endedMs + TIME_SLACK_MS) return 'ended';
  if (t < entry.firstMs - TIME_SLACK_MS)
    return startMs !== undefined && startMs <= t + TIME_SLACK_MS ? 'alive' : 'before';
  return t <= entry.aliveMs + recheckMs ? 'alive' : 'unsure';
}

/** Whether a predecessor was this pid's process at `t`, by its own signs alone. */
export function covers(entry: Entry, t: number): boolean {
  return t >= entry.firstMs - TIME_SLACK_MS && t <= (entry.endedMs ?? entry.aliveMs) + TIME_SLACK_MS;
}

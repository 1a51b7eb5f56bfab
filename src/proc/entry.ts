// One process in the table, and what can be said of it at a given time. Pure: asks nobody.

import type { Process, ProcessImage } from '../core/event.ts';
import { imageBytes } from './image.ts';

export const ANCESTORS_MAX = 16;

/**
 * How far times of the same moment may lie apart: audit's have the kernel tick's resolution (10 ms), start times USER_HZ's (10 ms),
 * the time of boot is measured to some 20 ms. A pid can't come round within it.
 */
export const TIME_SLACK_MS = 100;

export interface Entry {
  readonly pid: number;
  process: Process;
  /** Table time at which it surely was this process already: its first event, or its start. */
  readonly firstMs: number;
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
  /** What its children's ancestors are, made once and shared. */
  childAncestors: readonly ProcessImage[] | undefined;
  childAncestorBytes: number;
  ancestorBytes: number;
  /** Accounted memory: its own image and its ancestors', though those may be shared. */
  bytes: number;
}

export function newEntry(parts: {
  process: Process;
  parent: Entry | undefined;
  firstMs: number;
  aliveMs: number;
  startTicks: number | undefined;
  foreign: boolean;
  privateMounts: boolean;
  prior: Entry | undefined;
}): Entry {
  const { process, prior } = parts;
  if (prior !== undefined) dropPrior(prior);
  const ancestorBytes = parts.parent?.childAncestorBytes ?? 0;
  return {
    pid: process.image.pid,
    process,
    firstMs: parts.firstMs,
    aliveMs: parts.aliveMs,
    startTicks: parts.startTicks,
    endedMs: undefined,
    foreign: parts.foreign,
    privateMounts: parts.privateMounts,
    prior,
    childAncestors: undefined,
    childAncestorBytes: 0,
    ancestorBytes,
    bytes: imageBytes(process.image) + ancestorBytes + (prior?.bytes ?? 0),
  };
}

export function dropPrior(entry: Entry): void {
  if (entry.prior === undefined) return;
  entry.bytes -= entry.prior.bytes;
  entry.prior = undefined;
}

/** Gives the entry another image. */
export function setProcess(entry: Entry, process: Process, ancestorBytes: number): void {
  entry.bytes += imageBytes(process.image) - imageBytes(entry.process.image) + ancestorBytes - entry.ancestorBytes;
  entry.process = process;
  entry.ancestorBytes = ancestorBytes;
  entry.childAncestors = undefined;
  entry.childAncestorBytes = 0;
}

const NO_ANCESTORS: readonly ProcessImage[] = [];

/** The ancestors of a child of `parent`: images alone, so that no chain of processes is kept alive by its newest member. */
export function ancestorsBelow(parent: Entry | undefined): readonly ProcessImage[] {
  if (parent === undefined) return NO_ANCESTORS;
  if (parent.childAncestors === undefined) {
    const images = [parent.process.image, ...parent.process.ancestors.slice(0, ANCESTORS_MAX - 1)];
    parent.childAncestors = images;
    for (const image of images) parent.childAncestorBytes += imageBytes(image);
  }
  return parent.childAncestors;
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

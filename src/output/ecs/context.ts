// What every line of one agent has in common, and the ids made from it. Pure: all that is remembered is derived from the input.

import type { Credentials, Identity, LossEvent, ProcessImage } from '../../core/event.ts';
import type { EventRef, Match, RuleInfo } from '../../core/match.ts';
import type { JsonObject } from './json.ts';
import { cutToJsonBytes } from './json.ts';

export const ECS_VERSION = '9.4.0';
export const DEFAULT_MAX_LINE_BYTES = 30_000;
/** The smallest limit for a line: below it even the fixed fields might not fit. */
export const LEAST_MAX_LINE_BYTES = 8_192;

export interface HostIdentity {
  readonly id: string;
  readonly name: string;
  readonly hostname?: string;
  readonly architecture?: string;
}

export interface AgentIdentity {
  readonly id: string;
  readonly version: string;
}

export interface EcsOptions {
  readonly host: HostIdentity;
  readonly agent: AgentIdentity;
  readonly labels?: Readonly<Record<string, string>>;
  /** Puts the audit records on every line, not only on the alerts that matched them. */
  readonly records?: boolean;
  readonly maxLineBytes?: number;
  /** Events are read from lines: their stamps are their ids, and the seeds of their processes are entity ids. */
  readonly idsGiven?: boolean;
  /** The loss whose window holds this time, if any: then an alert's confidence is `gap`. */
  readonly overlappingLoss?: (timeMs: number) => LossEvent['loss'] | undefined;
}

export interface EcsContext {
  readonly options: EcsOptions;
  readonly host: JsonObject;
  readonly agent: JsonObject;
  readonly labels: JsonObject | undefined;
  readonly maxLineBytes: number;
  readonly entityIds: WeakMap<ProcessImage, string>;
  readonly accounts: WeakMap<Credentials, JsonObject>;
  /** Images as parents and as ancestors, whole: the same ones come again and again. */
  readonly parents: WeakMap<ProcessImage, JsonObject>;
  readonly ancestors: WeakMap<ProcessImage, JsonObject>;
  readonly rules: WeakMap<RuleInfo, JsonObject>;
  readonly eventIds: WeakMap<EventRef, string>;
}

/** Elasticsearch's keyword fields and this agent's texts of no special kind: longest that is printed, in bytes of JSON. */
const IDENTITY_BYTES = 256;

export function ecsContext(options: EcsOptions): EcsContext {
  const { host, agent, labels } = options;
  const short = (text: string): string => cutToJsonBytes(text, IDENTITY_BYTES);
  const hostObject: JsonObject = { name: short(host.name), id: short(host.id), os: { type: 'linux' } };
  if (host.hostname !== undefined) hostObject.hostname = short(host.hostname);
  if (host.architecture !== undefined) hostObject.architecture = short(host.architecture);
  const entries = Object.entries(labels ?? {}).slice(0, 16);
  return {
    options,
    host: hostObject,
    agent: { type: 'puppy-hids', version: short(agent.version), id: short(agent.id) },
    labels:
      entries.length === 0
        ? undefined
        : Object.fromEntries(entries.map(([key, value]) => [cutToJsonBytes(key, 64), cutToJsonBytes(value, 128)])),
    maxLineBytes: Math.max(LEAST_MAX_LINE_BYTES, options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES),
    entityIds: new WeakMap(),
    accounts: new WeakMap(),
    parents: new WeakMap(),
    ancestors: new WeakMap(),
    rules: new WeakMap(),
    eventIds: new WeakMap(),
  };
}

/** 128 bits of SHA-256 in hex. (Measured: 0.4 µs, the cheapest of Bun's hashes but for SHA-1.) */
export function digest(text: string): string {
  return Bun.CryptoHasher.hash('sha256', text, 'hex').slice(0, 32);
}

/** Ids that a line may be given back with; others are hashed. */
export const isPlainId = (text: string): boolean => /^[\w.:-]{1,64}$/.test(text);

/** The id of an event: the same input gives the same id on every run. No part but the last can hold a newline. */
export function eventId(event: EventRef, context: EcsContext): string {
  let id = context.eventIds.get(event);
  if (id === undefined) {
    const { host, idsGiven } = context.options;
    const isId = idsGiven === true && isPlainId(event.stamp);
    id = isId ? event.stamp : digest(`event\n${host.id}\n${event.module}\n${event.ordinal}\n${event.stamp}`);
    context.eventIds.set(event, id);
  }
  return id;
}

/** A correlation may alert for several of its groups at one event: `group` tells them apart. */
export function alertId(eventHash: string, { rule, correlation }: Match): string {
  const groups = correlation === undefined ? [] : Object.values(correlation.group);
  return digest(`alert\n${eventHash}\n${rule.id}${groups.length === 0 ? '' : `\n${JSON.stringify(groups)}`}`);
}

export function entityId(image: ProcessImage, context: EcsContext): string {
  let id = context.entityIds.get(image);
  if (id === undefined) {
    const { host, idsGiven } = context.options;
    const isId = idsGiven === true && isPlainId(image.entitySeed);
    id = isId ? image.entitySeed : digest(`process\n${host.id}\n${image.entitySeed}`);
    context.entityIds.set(image, id);
  }
  return id;
}

const PLACEHOLDERS = new Set(['', '-', '?', '(null)', '<NA>', 'none', 'unset']);

/** Undefined for what only stands for "nothing known": it is then left out rather than printed. */
export function known(text: string | undefined): string | undefined {
  return text === undefined || (text.length <= 6 && PLACEHOLDERS.has(text)) ? undefined : text;
}

export function identity(who: Identity | undefined): JsonObject | undefined {
  if (who === undefined) return undefined;
  const object: JsonObject = { id: String(who.id) };
  const name = known(who.name);
  if (name !== undefined) object.name = cutToJsonBytes(name, IDENTITY_BYTES);
  return object;
}

const LAST_MS = 253_402_300_799_999; // 9999-12-31: what comes later has a year of six digits
const SLOTS = 8;
const slotMs = new Float64Array(SLOTS).fill(Number.NaN);
const slotText: string[] = Array.from({ length: SLOTS }, () => '');

/**
 * UTC with milliseconds, or undefined where the number is no time of the years 1970 to 9999. The last few are remembered: an event's
 * time, when it was read and when its process started are the same few values again and again.
 */
export function isoTime(timeMs: number): string | undefined {
  if (!(timeMs >= 0 && timeMs <= LAST_MS)) return undefined;
  const slot = (timeMs % SLOTS) | 0;
  if (slotMs[slot] !== timeMs) {
    slotText[slot] = new Date(timeMs).toISOString();
    slotMs[slot] = timeMs;
  }
  return slotText[slot];
}

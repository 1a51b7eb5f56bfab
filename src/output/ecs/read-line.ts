// What a line of an agent's is: an event, an alert with its event, or the agent's own words. Beside read.ts, which reads the event.
// Pure.

import type { HostEvent, LossEvent } from '../../core/event.ts';
import type { HostIdentity } from './context.ts';
import { KINDS } from './kinds.ts';
import { eventOf } from './read.ts';
import { Reader } from './reader.ts';

export type Line =
  /** `isAlert`: the event of an alert, which may have a line of its own too. */
  | { readonly event: HostEvent; readonly isAlert: boolean }
  | { readonly ownMs: number; readonly loss?: LossEvent['loss'] };

/** Undefined where the line is none of an agent's. */
export function lineOf(json: unknown): Line | undefined {
  const line = new Reader(json);
  const timeMs = line.timeMs('@timestamp');
  if (timeMs === undefined || (line.number('puppy.schema') ?? SCHEMA) !== SCHEMA) return undefined;
  const action = line.text('event.action') ?? '';
  if (Object.hasOwn(KINDS, action) && KINDS[action as keyof typeof KINDS].dataset === 'agent') {
    if (line.text('event.module') !== 'agent') return undefined;
    const loss = action === 'loss' ? lossOf(line.at('puppy.loss')) : undefined;
    return { ownMs: timeMs, ...(loss !== undefined && { loss }) };
  }
  const kind = line.text('event.kind');
  if (kind !== 'event' && kind !== 'alert') return undefined;
  const event = eventOf(json);
  return event && { event, isAlert: kind === 'alert' };
}

const SCHEMA = 1;
const SOURCES = ['audit', 'pcap', 'fsnotify', 'logs', 'inventory', 'agent', 'output'] as const;
const UNITS = ['events', 'records', 'lines', 'packets'] as const;

function lossOf(loss: Reader): LossEvent['loss'] | undefined {
  const source = SOURCES.find(one => one === loss.text('source'));
  const unit = UNITS.find(one => one === loss.text('unit'));
  const fromMs = loss.timeMs('from');
  const toMs = loss.timeMs('to');
  if (source === undefined || unit === undefined || fromMs === undefined || toMs === undefined) return undefined;
  return {
    ...{ source, unit, fromMs, toMs },
    reason: (loss.text('reason') ?? '').slice(0, REASON_UNITS_MAX),
    count: loss.number('count') ?? 0,
    upperBound: loss.flag('upper_bound') ?? false,
  };
}

const REASON_UNITS_MAX = 64;
const HOST_ID_UNITS = 256;

/** The id of the host that the line is of. */
export const hostIdOf = (json: unknown): string | undefined =>
  new Reader(json).text('host.id')?.slice(0, HOST_ID_UNITS);

/** Whose line it is: what all lines of one agent have in common. */
export function originOf(json: unknown): { readonly host?: HostIdentity; readonly labels: Record<string, string> } {
  const line = new Reader(json);
  const id = line.text('host.id');
  const labels = Object.fromEntries(line.at('labels').scalars());
  if (id === undefined) return { labels };
  const hostname = line.text('host.hostname');
  const architecture = line.text('host.architecture');
  const name = line.text('host.name') ?? hostname ?? id;
  const more = { ...(hostname !== undefined && { hostname }), ...(architecture !== undefined && { architecture }) };
  return { host: { id, name, ...more }, labels };
}

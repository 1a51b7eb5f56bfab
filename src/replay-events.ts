// Judges lines that an agent wrote, by the rules of today: the events in them, each once, as they were enriched then.

import { AgedMap } from './core/aged-map.ts';
import { LineSplitter } from './logs/splitter.ts';
import { digest, isPlainId } from './output/ecs/context.ts';
import { hostIdOf, type Line, lineOf } from './output/ecs/read-line.ts';
import type { Parts } from './parts.ts';
import type { Breathe, ReplaySummary } from './replay.ts';

export interface EventFile {
  readonly name: string;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** A line of ours has 30,000 bytes at most. */
const LINE_MAX_BYTES = 1 << 20;
/** Ids that are remembered: a line that was shipped twice, or an alert's, comes soon after the first. */
const IDS_MAX = 65_536;
const HOSTS_MAX = 64;
const CUT = /^(line|text|argv|list|records)_truncated$/;

type Odd = 'foreign' | 'tooLong' | 'hosts';

/** `partsOf`: for a host whose first line is given. Each host is judged by itself, as it was live. */
export async function replayEvents(
  files: readonly EventFile[],
  partsOf: (firstLine: unknown) => Parts,
  breathe: Breathe,
): Promise<ReplaySummary> {
  const replay = new EventReplay(partsOf);
  for (const file of files) {
    replay.begin(file.name);
    for await (const piece of file.pieces) {
      replay.feed(piece);
      await breathe();
    }
    replay.end();
    await breathe();
  }
  return replay.summary();
}

class EventReplay {
  private readonly partsOf: (firstLine: unknown) => Parts;
  private readonly hosts = new Map<string | undefined, Parts>();
  private readonly judged = new AgedMap<true>();
  private readonly splitter = new LineSplitter(LINE_MAX_BYTES);
  private readonly odd = new Map<Odd, { count: number; readonly first: string }>();
  private file = '';
  private line = 0;
  /** Whether events of this file have lines of their own, not only their alerts. */
  private hasEvents = false;
  private lines = 0;
  private events = 0;
  private ofAlerts = 0;
  private alerts = 0;
  private again = 0;
  private own = 0;
  private cut = 0;

  constructor(partsOf: (firstLine: unknown) => Parts) {
    this.partsOf = partsOf;
  }

  begin(file: string): void {
    this.file = file;
    this.line = 0;
    this.hasEvents = false;
  }

  feed(piece: Uint8Array): void {
    this.splitter.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length), this.onLine);
  }

  end(): void {
    this.splitter.end(this.onLine);
  }

  private readonly onLine = (bytes: Buffer, truncated: boolean): void => {
    this.line++;
    const text = truncated ? '' : bytes.toString('utf8').trim();
    if (text === '' && !truncated) return;
    this.lines++;
    const why = truncated ? 'tooLong' : this.oneLine(text);
    if (why !== undefined) this.leftOut(why);
  };

  /** Gives why it is left out, if it is. */
  private oneLine(text: string): Odd | undefined {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return 'foreign';
    }
    const line = lineOf(json);
    if (line === undefined) return 'foreign';
    const hostId = hostIdOf(json);
    const parts = this.hostOf(hostId, json);
    if (parts === undefined) return 'hosts';
    if ('event' in line) this.eventLine(line, parts, hostId, text);
    else this.ownLine(line, parts);
    return undefined;
  }

  /** The agent's clock went on; no rule judges its words. */
  private ownLine({ ownMs, loss }: Extract<Line, { ownMs: number }>, parts: Parts): void {
    this.own++;
    if (loss !== undefined) parts.replayLoss(loss);
    parts.tick(ownMs);
  }

  private eventLine(
    line: Extract<Line, { isAlert: boolean }>,
    parts: Parts,
    hostId: string | undefined,
    text: string,
  ): void {
    const { event, isAlert } = line;
    if (isAlert) this.alerts++;
    else this.hasEvents = true;
    if (isAlert && this.hasEvents) return;
    const id = isPlainId(event.stamp) ? event.stamp : digest(event.stamp === '' ? text : event.stamp);
    const key = `${hostId}\n${id}`;
    if (this.judged.get(key) !== undefined) {
      if (!isAlert) this.again++;
      return;
    }
    this.judged.set(key, true);
    if (this.judged.size > IDS_MAX) this.judged.delete(this.judged.oldest()!);
    this.events++;
    if (isAlert) this.ofAlerts++;
    if (event.warnings.some(code => CUT.test(code))) this.cut++;
    parts.pass(id === event.stamp ? event : { ...event, stamp: id });
  }

  private hostOf(id: string | undefined, json: unknown): Parts | undefined {
    let parts = this.hosts.get(id);
    if (parts === undefined && this.hosts.size < HOSTS_MAX) {
      parts = this.partsOf(json);
      this.hosts.set(id, parts);
    }
    return parts;
  }

  private leftOut(why: Odd): void {
    const known = this.odd.get(why);
    if (known === undefined) this.odd.set(why, { count: 1, first: `${this.file}:${this.line}` });
    else known.count++;
  }

  summary(): ReplaySummary {
    const { lines, events, own, alerts, ofAlerts, again, cut, hosts } = this;
    const notes: [number, string][] = [
      [hosts.size > 1 ? hosts.size : 0, 'hosts, each judged by itself'],
      [own, "lines are the agent's own, which no rule judges"],
      [alerts - ofAlerts, 'alerts are left out: their events have lines of their own, or other alerts'],
      [ofAlerts, 'events are known from their alerts alone, which hold only the audit records that matched'],
      [again, 'events come again and are judged once'],
    ];
    const odd: [number, string][] = [
      [cut, 'events were cut to fit into their lines; rules see what is left'],
      ...[...this.odd].map(([why, { count, first }]): [number, string] => [
        count,
        `${ODD[why]}; the first is ${first}`,
      ]),
    ];
    return { lines, events, notes, odd };
  }
}

const ODD: Readonly<Record<Odd, string>> = {
  foreign: 'lines are no events of an agent and left out',
  tooLong: `lines are longer than ${LINE_MAX_BYTES} bytes and left out`,
  hosts: `lines are left out: a replay judges at most ${HOSTS_MAX} hosts, replay the others by themselves`,
};

// The configuration as the agent reads it: typed, complete, in bytes and milliseconds. Made from a tree that was checked. Pure.

import type { HashAlgorithm, Level } from '../core/event.ts';
import { parseDuration } from '../core/units.ts';
import type { OutputSpec } from '../output/spec.ts';
import type { Tuning } from '../rules/tuning.ts';
import { schemaAt } from './schema.ts';
import { amountOf } from './validate.ts';

type AuditMode = 'auto' | 'own' | 'share' | 'observe';
type LogLevel = 'error' | 'warning' | 'info' | 'debug';
type SourceName = 'audit' | 'fsnotify' | 'logs' | 'pcap';

const SOURCES: readonly SourceName[] = ['audit', 'fsnotify', 'logs', 'pcap'];

export interface Config {
  /** As given; empty: the default places. `builtin` is the pack inside the program. */
  readonly rules: readonly string[];
  readonly outputs: readonly OutputSpec[];
  readonly minLevel: Level;
  readonly events: boolean;
  readonly records: boolean;
  readonly strict: boolean;
  readonly logLevel: LogLevel;
  readonly recordDir?: string;
  readonly sources: readonly SourceName[];
  readonly audit: {
    readonly mode: AuditMode;
    readonly backlogLimit: number;
    readonly backlogWaitTime: number;
    /** Texts as auditctl takes them. */
    readonly rules: readonly string[];
    readonly receiveBufferBytes: number;
    readonly argvMaxBytes: number;
  };
  readonly proc: { readonly cacheEntries: number };
  readonly logs: {
    /** `auto`: where a loaded rule needs them. */
    readonly enabled: 'auto' | boolean;
    readonly journal: boolean;
    readonly files: readonly string[];
    readonly maxLineBytes: number;
  };
  readonly fsnotify: {
    /** `auto`: where a loaded rule needs them, or every event is written. */
    readonly enabled: 'auto' | boolean;
    readonly backend: 'auto' | 'fanotify' | 'inotify';
    /** Patterns: `WatchSet`'s, and `%web%`. */
    readonly paths: readonly string[];
    readonly exclude: readonly string[];
    readonly containers: boolean;
    readonly maxFiles: number;
    readonly hashes: readonly HashAlgorithm[];
    readonly hashMaxBytes: number;
    readonly hashBytesPerSecond: number;
    readonly baseline: boolean;
    readonly diff: boolean;
  };
  readonly pcap: {
    /** `auto`: where a loaded rule needs it, or every event is written. */
    readonly enabled: 'auto' | boolean;
    readonly interfaces: readonly string[];
    readonly snaplen: number;
    readonly lan: boolean;
    readonly udp: boolean;
    /** Networks, as `parseNetwork` reads them. */
    readonly addresses: readonly string[];
    readonly excludeAddresses: readonly string[];
    readonly ports: readonly number[];
    readonly excludePorts: readonly number[];
    /** `auto`: where tracefs is there. */
    readonly trace: 'auto' | false;
  };
  readonly heartbeatMs: number;
  readonly limits: { readonly memoryBytes: number; readonly correlationBytes: number; readonly queueEvents: number };
  readonly stateDir: string;
  readonly host: { readonly id?: string; readonly name?: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly tuning: readonly Tuning[];
}

type Tree = Readonly<Record<string, unknown>>;

/** The value at `path`, else the schema's default. Its type is the schema's: the tree was checked against it. */
function read<T>(tree: Tree, ...path: string[]): T {
  let value: unknown = tree;
  for (const key of path) value = (value as Tree | undefined)?.[key];
  return (value ?? schemaAt(path)?.default) as T;
}

function amount(tree: Tree, ...path: string[]): number {
  const node = schemaAt(path);
  const value = node === undefined ? undefined : amountOf(node, read(tree, ...path));
  if (value === undefined) throw new Error(`${path.join('.')} has no amount`);
  return value;
}

interface TuningTree extends Omit<Tuning, 'suppress'> {
  readonly suppress?: { readonly 'group-by': readonly string[]; readonly timespan: string };
}

function tuningOf({ suppress, ...tuning }: TuningTree): Tuning {
  if (suppress === undefined) return tuning;
  return { ...tuning, suppress: { groupBy: suppress['group-by'], timespanMs: parseDuration(suppress.timespan)! } };
}

/** The sources that may run: those that are named and not switched off. */
export function enabledSources(config: Config): readonly SourceName[] {
  return config.sources.filter(source => source === 'audit' || config[source].enabled !== false);
}

export function configFrom(tree: Tree, outputs: readonly OutputSpec[]): Config {
  const record = read<string | undefined>(tree, 'record');
  const id = read<string | undefined>(tree, 'host', 'id');
  const name = read<string | undefined>(tree, 'host', 'name');
  return {
    rules: read(tree, 'rules'),
    outputs,
    minLevel: read(tree, 'min_level'),
    events: read(tree, 'events'),
    records: read(tree, 'records'),
    strict: read(tree, 'strict'),
    logLevel: read(tree, 'log_level'),
    ...(record !== undefined && { recordDir: record }),
    sources: SOURCES.filter(source => read<string[]>(tree, 'sources').includes(source)),
    audit: {
      mode: read(tree, 'audit', 'mode'),
      backlogLimit: read(tree, 'audit', 'backlog_limit'),
      backlogWaitTime: read(tree, 'audit', 'backlog_wait_time'),
      rules: read(tree, 'audit', 'rules'),
      receiveBufferBytes: amount(tree, 'audit', 'receive_buffer'),
      argvMaxBytes: amount(tree, 'audit', 'argv_max_bytes'),
    },
    proc: { cacheEntries: read(tree, 'proc', 'cache_entries') },
    logs: {
      enabled: read(tree, 'logs', 'enabled'),
      journal: read(tree, 'logs', 'journal'),
      files: read(tree, 'logs', 'files'),
      maxLineBytes: amount(tree, 'logs', 'max_line'),
    },
    fsnotify: {
      enabled: read(tree, 'fsnotify', 'enabled'),
      backend: read(tree, 'fsnotify', 'backend'),
      paths: read(tree, 'fsnotify', 'paths'),
      exclude: read(tree, 'fsnotify', 'exclude'),
      containers: read(tree, 'fsnotify', 'containers'),
      maxFiles: read(tree, 'fsnotify', 'max_files'),
      hashes: read(tree, 'fsnotify', 'hashes'),
      hashMaxBytes: amount(tree, 'fsnotify', 'hash_max_bytes'),
      hashBytesPerSecond: amount(tree, 'fsnotify', 'hash_rate'),
      baseline: read(tree, 'fsnotify', 'baseline'),
      diff: read(tree, 'fsnotify', 'diff'),
    },
    pcap: {
      enabled: read(tree, 'pcap', 'enabled'),
      interfaces: read(tree, 'pcap', 'interfaces'),
      snaplen: read(tree, 'pcap', 'snaplen'),
      lan: read(tree, 'pcap', 'lan'),
      udp: read(tree, 'pcap', 'udp'),
      addresses: read(tree, 'pcap', 'addresses'),
      excludeAddresses: read(tree, 'pcap', 'exclude_addresses'),
      ports: read(tree, 'pcap', 'ports'),
      excludePorts: read(tree, 'pcap', 'exclude_ports'),
      trace: read(tree, 'pcap', 'trace'),
    },
    heartbeatMs: amount(tree, 'heartbeat'),
    limits: {
      memoryBytes: amount(tree, 'limits', 'memory'),
      correlationBytes: amount(tree, 'limits', 'correlations'),
      queueEvents: read(tree, 'limits', 'queue_events'),
    },
    stateDir: read(tree, 'state_dir'),
    host: { ...(id !== undefined && { id }), ...(name !== undefined && { name }) },
    labels: read(tree, 'labels'),
    tuning: read<TuningTree[]>(tree, 'tuning').map(tuningOf),
  };
}

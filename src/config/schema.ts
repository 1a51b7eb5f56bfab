// The configuration's JSON Schema: keys, types, defaults and what they are for. The single source for checking, defaults, environment
// variables, `help config` and `schema config`. Data; knows nothing of files.

import { HASH_ALGORITHMS, LEVELS } from '../core/event.ts';
import { DEFAULT_EXCLUDES, DEFAULT_PATHS } from '../fsnotify/defaults.ts';
import { OUTPUT_SETTINGS } from '../output/spec.ts';

export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly (string | boolean)[];
  readonly format?: 'size' | 'duration' | 'network';
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly uniqueItems?: boolean;
  readonly items?: SchemaNode;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly propertyNames?: SchemaNode;
  readonly additionalProperties?: boolean | SchemaNode;
  /** Least of a `size` (bytes) or a `duration` (milliseconds), and the most. */
  readonly 'x-least'?: number;
  readonly 'x-most'?: number;
  /** The command line's word for it. */
  readonly 'x-flag'?: string;
  /** What separates the elements in an environment variable. */
  readonly 'x-separator'?: string;
  /** Of a later version: known, and told to have no effect. */
  readonly 'x-later'?: boolean;
  /** A reload takes it over; any other needs a restart. */
  readonly 'x-live'?: boolean;
}

const MINUTE = 60_000;
const MIB = 1024 * 1024;

function flag(description: string, name: string, initial = false): SchemaNode {
  return { type: 'boolean', description, default: initial, 'x-flag': name };
}

function size(description: string, initial: string, least: number, most: number): SchemaNode {
  return {
    type: ['string', 'integer'],
    format: 'size',
    description,
    default: initial,
    'x-least': least,
    'x-most': most,
  };
}

function later(description: string): SchemaNode {
  return { description, 'x-later': true };
}

const NETWORK: SchemaNode = { type: 'string', format: 'network' };
const PORT: SchemaNode = { type: 'integer', minimum: 1, maximum: 65_535 };

/** Of either end of a connection. */
function ends(items: SchemaNode, description: string): SchemaNode {
  return { type: 'array', items, maxItems: 4_096, uniqueItems: true, description, default: [], 'x-separator': ',' };
}

const LEVEL: SchemaNode = { type: 'string', enum: LEVELS };

const PATTERN: SchemaNode = { type: 'string', minLength: 1, maxLength: 4_096, pattern: '^(/|%web%)' };

const OUTPUT: SchemaNode = {
  type: ['string', 'object'],
  required: ['to'],
  additionalProperties: false,
  properties: {
    to: { type: 'string', description: 'stdout or file:PATH' },
    ...Object.fromEntries(
      OUTPUT_SETTINGS.map(name => [name, { type: ['string', 'integer', 'array'], items: { type: 'string' } }]),
    ),
    fields: later('Which fields to include or drop'),
  },
};

const TUNING: SchemaNode = {
  type: 'object',
  required: ['rules'],
  additionalProperties: false,
  properties: {
    rules: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      description: 'Ids, names, tag:attack.execution, level:low',
    },
    enabled: { type: 'boolean', description: 'false: the rule alerts no more' },
    level: { ...LEVEL, description: 'The level of its alerts' },
    suppress: {
      type: 'object',
      required: ['group-by', 'timespan'],
      additionalProperties: false,
      description: 'One alert for each group and timespan; the next one says how many were held back',
      properties: {
        'group-by': { type: 'array', items: { type: 'string', minLength: 1 } },
        timespan: { type: 'string', format: 'duration', 'x-least': 1_000, 'x-most': 90 * 1_440 * MINUTE },
      },
    },
  },
};

export const CONFIG_SCHEMA: SchemaNode = {
  type: 'object',
  additionalProperties: false,
  properties: {
    rules: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      description: 'Rule files and folders; none: /etc/puppy-hids/rules.d, else the rules inside the program (builtin)',
      default: [],
      'x-flag': '--rules',
      'x-separator': ':',
      'x-live': true,
    },
    outputs: {
      type: 'array',
      items: OUTPUT,
      maxItems: 16,
      description:
        'Where lines go: stdout, or file:PATH with min_level, kind, max_size, max_age, keep, max_line, queue',
      default: ['stdout'],
      'x-flag': '--output',
      'x-separator': ' ',
    },
    min_level: {
      ...LEVEL,
      description: 'Alerts below are held back and counted, for outputs without a min_level of their own',
      default: 'medium',
      'x-flag': '--min-level',
      'x-live': true,
    },
    events: flag('Write events too, not only alerts', '--events'),
    records: flag('Put the audit records on every line', '--records'),
    strict: { ...flag('Refuse to start when a rule is wrong', '--strict'), 'x-live': true },
    log_level: {
      type: 'string',
      enum: ['error', 'warning', 'info', 'debug'],
      description: 'What is told on stderr',
      default: 'info',
      'x-flag': '--log-level',
    },
    record: {
      type: 'string',
      minLength: 1,
      description: 'Folder to record what the sources gave, to be replayed later; none: nothing is recorded',
      'x-flag': '--record',
    },
    sources: {
      type: 'array',
      items: { type: 'string', enum: ['audit', 'pcap', 'fsnotify', 'logs', 'inventory'] },
      uniqueItems: true,
      description:
        'Which sources may run: audit, fsnotify (files), logs; one that is not named is not started, and needs no permissions',
      default: ['audit', 'fsnotify', 'logs', 'pcap'],
      'x-flag': '--source',
      'x-separator': ',',
    },
    audit: {
      type: 'object',
      additionalProperties: false,
      description: "The kernel's audit",
      properties: {
        mode: {
          type: 'string',
          enum: ['auto', 'own', 'share', 'observe'],
          description:
            'own: instead of an audit daemon; share: beside one; observe: without rules of our own; auto: share or own',
          default: 'auto',
          'x-flag': '--audit-mode',
        },
        backlog_limit: {
          type: 'integer',
          minimum: 64,
          maximum: 1_048_576,
          description: "Records that the kernel's queue may hold (mode own)",
          default: 8192,
        },
        backlog_wait_time: {
          type: 'integer',
          minimum: 0,
          maximum: 600_000,
          description: 'How long a syscall waits when that queue is full; 0: never, the loss is counted (mode own)',
          default: 0,
        },
        rules: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          maxItems: 1_024,
          description: 'More kernel rules, as auditctl takes them: "-w /etc/shadow -p wa -k shadow"',
          default: [],
          'x-separator': '\n',
          'x-live': true,
        },
        receive_buffer: size(
          'Socket buffer for records that the agent has not read yet',
          '64MiB',
          64 * 1024,
          1024 * MIB,
        ),
        argv_max_bytes: size('How much of one argument list is kept', '256KiB', 1_024, 16 * MIB),
      },
    },
    proc: {
      type: 'object',
      additionalProperties: false,
      description: 'The table of processes',
      properties: {
        cache_entries: {
          type: 'integer',
          minimum: 1_024,
          maximum: 4_194_304,
          description: 'Processes that are remembered',
          default: 65_536,
        },
      },
    },
    logs: {
      type: 'object',
      additionalProperties: false,
      description: 'The journal and log files',
      properties: {
        enabled: {
          type: ['boolean', 'string'],
          enum: ['auto', true, false],
          description: 'auto: read where a loaded rule needs them',
          default: 'auto',
        },
        journal: {
          type: 'boolean',
          description: "Read systemd's journal where there is one, in place of the system's log files",
          default: true,
        },
        files: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          maxItems: 64,
          uniqueItems: true,
          description: 'More log files to read: /var/log/app/auth.log',
          default: [],
          'x-separator': ':',
        },
        max_line: size('How much of one line is kept', '16KiB', 1_024, 64 * 1024),
      },
    },
    fsnotify: {
      type: 'object',
      additionalProperties: false,
      description: 'Changes of files',
      properties: {
        enabled: {
          type: ['boolean', 'string'],
          enum: ['auto', true, false],
          description: 'auto: watched where a loaded rule is about files, or with --events',
          default: 'auto',
        },
        backend: {
          type: 'string',
          enum: ['auto', 'fanotify', 'inotify'],
          description: 'auto: fanotify, which says who, and inotify for what it refuses',
          default: 'auto',
        },
        paths: {
          type: 'array',
          items: PATTERN,
          maxItems: 1_024,
          description:
            "What is watched: files, directories and their entries, DIR/** with all beneath, * and ? within a name, %web% for the web servers' document roots",
          default: DEFAULT_PATHS,
          'x-separator': ':',
        },
        exclude: {
          type: 'array',
          items: PATTERN,
          maxItems: 1_024,
          description: 'What is left out of it, with all beneath',
          default: DEFAULT_EXCLUDES,
          'x-separator': ':',
        },
        containers: {
          type: 'boolean',
          description: 'Watch the same paths inside each container',
          default: true,
        },
        max_files: {
          type: 'integer',
          minimum: 1_000,
          maximum: 16_777_216,
          description: 'Files that are remembered, to compare with after a loss and after a restart',
          default: 500_000,
        },
        hashes: {
          type: 'array',
          items: { type: 'string', enum: HASH_ALGORITHMS },
          uniqueItems: true,
          description: 'Of the content; none: []',
          default: ['sha256'],
          'x-separator': ',',
        },
        hash_max_bytes: size('Larger files are not hashed', '20MiB', 0, 65_536 * MIB),
        hash_rate: size('How much is read in a second for what is not urgent', '64MiB', MIB, 65_536 * MIB),
        baseline: {
          type: 'boolean',
          description:
            'Remember what files were, in state_dir: what changed is told with what it was, also after a restart',
          default: true,
        },
        diff: {
          type: 'boolean',
          description:
            "Tell what changed in small text files (the old text is kept in state_dir; never that of secrets' files)",
          default: false,
        },
      },
    },
    pcap: {
      type: 'object',
      additionalProperties: false,
      description: 'Packets: DNS, which is always told, and connections',
      properties: {
        enabled: {
          type: ['boolean', 'string'],
          enum: ['auto', true, false],
          description: 'auto: read where a loaded rule needs what packets tell, or with --events',
          default: 'auto',
        },
        interfaces: {
          type: 'array',
          items: { type: 'string', minLength: 1, maxLength: 15 },
          maxItems: 64,
          uniqueItems: true,
          description: 'Whose packets: any, or names; one that comes later is read then',
          default: ['any'],
          'x-separator': ',',
        },
        snaplen: {
          type: 'integer',
          minimum: 256,
          maximum: 65_535,
          description: 'How much of one packet is read; a longer answer of DNS is told as far as it goes',
          default: 1_536,
        },
        lan: {
          type: 'boolean',
          description: 'Tell connections from one private address to another, and within this host',
          default: true,
        },
        udp: { type: 'boolean', description: 'Tell connections of UDP', default: true },
        addresses: ends(NETWORK, 'Tell only connections with one of these at either end: 203.0.113.0/24; none: all'),
        exclude_addresses: ends(NETWORK, 'Tell no connections with one of these at either end'),
        ports: ends(PORT, 'Tell only connections with one of these at either end; none: all'),
        exclude_ports: ends(PORT, 'Tell no connections with one of these at either end'),
        tls: later("What a connection's first packet says in plain: TLS's server name and JA4, HTTP's host"),
        trace: {
          type: ['boolean', 'string'],
          enum: ['auto', false],
          description: "auto: also ask the kernel's tracing, where it can, whose a connection is",
          default: 'auto',
        },
      },
    },
    heartbeat: {
      type: 'string',
      format: 'duration',
      description: 'Time between heartbeat events',
      default: '60s',
      'x-least': 1_000,
      'x-most': 1_440 * MINUTE,
      'x-live': true,
    },
    limits: {
      type: 'object',
      additionalProperties: false,
      description: 'Bounds of the agent itself',
      properties: {
        memory: {
          ...size('Above it the agent ends, to be started anew', '512MiB', 64 * MIB, 65_536 * MIB),
          'x-live': true,
        },
        correlations: size('What correlations may keep of the events that they count', '32MiB', MIB, 16_384 * MIB),
        queue_events: {
          type: 'integer',
          minimum: 1_024,
          maximum: 4_194_304,
          description: 'Events that may wait between the stages',
          default: 65_536,
        },
      },
    },
    state_dir: {
      type: 'string',
      minLength: 1,
      description: 'What has to survive a restart',
      default: '/var/lib/puppy-hids',
    },
    host: {
      type: 'object',
      additionalProperties: false,
      description: 'How this host is named in events',
      properties: {
        id: {
          type: 'string',
          minLength: 1,
          maxLength: 128,
          description: 'host.id; none: /etc/machine-id',
          'x-flag': '--host-id',
        },
        name: { type: 'string', minLength: 1, maxLength: 253, description: "host.name; none: the host's own" },
      },
    },
    tuning: {
      type: 'array',
      items: TUNING,
      maxItems: 1_024,
      description:
        'Changes rules without editing them: [{rules: [ID, name, tag:TAG or level:LEVEL], enabled, level, suppress}]',
      default: [],
      'x-live': true,
    },
    labels: {
      type: 'object',
      description: 'Put on every line: {site: berlin}',
      default: {},
      maxProperties: 16,
      propertyNames: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' },
      additionalProperties: { type: 'string', minLength: 1, maxLength: 128 },
      'x-separator': ',',
    },
    containers: later('Containers'),
    inventory: later('Inventory'),
    sync: later('MongoDB and Elasticsearch'),
    respond: later('Responses'),
  },
};

/** `puppy-hids schema config`. */
export function configSchema(): Record<string, unknown> {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'puppy-hids configuration',
    ...CONFIG_SCHEMA,
  };
}

/** The schema of a key: `['audit', 'mode']`. */
export function schemaAt(path: readonly (string | number)[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = CONFIG_SCHEMA;
  for (const part of path) {
    if (node === undefined) return undefined;
    if (typeof part === 'number' || /^\d+$/.test(part)) node = node.items;
    else if (node.properties !== undefined && Object.hasOwn(node.properties, part)) node = node.properties[part];
    else node = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
  }
  return node;
}

export interface Leaf {
  readonly path: readonly string[];
  readonly node: SchemaNode;
}

/** Every key that holds a value rather than other keys; those of later versions left out. */
export function leaves(node: SchemaNode = CONFIG_SCHEMA, path: readonly string[] = []): Leaf[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    if (child['x-later'] === true) return [];
    const here = [...path, key];
    return child.properties === undefined ? [{ path: here, node: child }] : leaves(child, here);
  });
}

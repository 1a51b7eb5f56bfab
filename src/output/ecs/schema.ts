// `puppy-hids schema events`: the JSON Schema of the lines. Strict: a field that isn't named here is a fault. Pure.

import { HASH_ALGORITHMS, LEVELS } from '../../core/event.ts';
import { KINDS, SEVERITY } from './kinds.ts';

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string', minLength: 1 };
const whole: Schema = { type: 'integer', minimum: 0 };
const time: Schema = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' };
const hash: Schema = { type: 'string', pattern: '^[0-9a-f]{32}$' };
const port: Schema = { type: 'integer', minimum: 0, maximum: 65_535 };
const ip: Schema = { type: 'string', pattern: '^[0-9A-Fa-f:.]+(%[^%]+)?$' };

function object(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', properties, required, additionalProperties: false };
}

function list(items: Schema): Schema {
  return { type: 'array', items, minItems: 1 };
}

function oneOf(values: readonly (string | number)[]): Schema {
  return { enum: values };
}

const fieldValue = object({ field: text, value: { type: 'string' } }, ['field', 'value']);
const account = object({ id: text, name: text });
const coded = object({ code: whole, name: text }, ['code', 'name']);
const named = object({ id: list(text), name: list(text) }, ['id', 'name']);
const free: Schema = { type: 'object' };

const image: Readonly<Record<string, Schema>> = {
  pid: whole,
  entity_id: hash,
  executable: text,
  name: text,
  args: { type: 'array', items: { type: 'string' } },
  args_count: whole,
  command_line: text,
  working_directory: text,
  start: time,
  user: account,
  real_user: account,
  saved_user: account,
  group: account,
  real_group: account,
  saved_group: account,
};

const hashes = object(
  Object.fromEntries(HASH_ALGORITHMS.map(name => [name, { type: 'string', pattern: '^[0-9a-f]{32,64}$' }])),
);

/** A file at one time. */
const fileState: Readonly<Record<string, Schema>> = {
  type: oneOf(['file', 'dir', 'symlink', 'fifo', 'socket', 'device']),
  inode: text,
  mode: { type: 'string', pattern: '^[0-7]{4}$' },
  uid: text,
  gid: text,
  owner: text,
  group: text,
  size: whole,
  mtime: time,
  ctime: time,
  target_path: text,
  hash: hashes,
};

const endpoint = object({ ip, port, domain: text, address: text });

const puppy = object(
  {
    schema: { const: 1 },
    warnings: list(text),
    origin: object({
      process: text,
      parent: text,
      file: oneOf(['fanotify', 'inotify', 'audit', 'scan']),
      network: oneOf(['audit', 'packet', 'sock_diag']),
    }),
    login: object({ id: text, name: text, session: whole, terminal: text, address: text }),
    process: object({ invoked: list(text), comm: text, tty: text, root: { const: 'foreign' }, target: text }),
    ancestors: list(
      object({ pid: whole, entity_id: hash, executable: text, name: text, command_line: text }, ['pid', 'entity_id']),
    ),
    container: object({ drift: { const: true } }),
    network: object({ via: text, translated: object({ source: endpoint, destination: endpoint }) }),
    candidates: list(whole),
    file: object({
      host_path: text,
      moved_to: text,
      device: text,
      capabilities: text,
      previous: object({ ...fileState, path: text, capabilities: text }),
      package: object(
        {
          manager: oneOf(['dpkg', 'rpm']),
          name: text,
          version: text,
          state: oneOf(['intact', 'changed', 'installing']),
        },
        ['manager', 'state'],
      ),
      diff: text,
    }),
    event: object({ id: hash }, ['id']),
    match: {
      type: 'array',
      items: object(
        {
          selection: { type: 'string' },
          field: text,
          modifier: text,
          pattern: { type: 'string' },
          value: { type: 'string' },
        },
        ['selection', 'pattern', 'value'],
      ),
    },
    correlation: object(
      {
        type: text,
        timespan: text,
        group: list(fieldValue),
        value: { type: 'number' },
        condition: text,
        event_count: whole,
        events: list(hash),
        first: time,
        last: time,
      },
      ['type', 'timespan', 'event_count', 'events'],
    ),
    suppressed: { type: 'integer', minimum: 1 },
    new_terms: list(fieldValue),
    confidence: oneOf(['complete', 'gap']),
    gap: object({ source: text, reason: text, count: whole, unit: text, from: time, to: time }),
    audit: object({ records: list({ type: 'object', required: ['type'], additionalProperties: { type: 'string' } }) }),
    loss: object(
      {
        source: text,
        reason: text,
        count: whole,
        unit: oneOf(['events', 'records', 'lines', 'packets']),
        upper_bound: { type: 'boolean' },
        from: time,
        to: time,
        heaviest: object({ uid: text, executable: text, bytes: whole }),
      },
      ['source', 'reason', 'count', 'unit', 'upper_bound'],
    ),
    heartbeat: free,
    agent_started: free,
    agent_stopped: free,
    rules_loaded: free,
    rule_rejected: free,
    source_down: free,
    source_up: free,
  },
  ['schema'],
);

const rows = Object.values(KINDS);
const distinct = (values: readonly string[]): string[] => [...new Set(values)].sort();

const ROOT: Readonly<Record<string, Schema>> = {
  '@timestamp': time,
  message: text,
  tags: list(text),
  labels: { type: 'object', additionalProperties: text },
  ecs: object({ version: text }, ['version']),
  event: object(
    {
      id: hash,
      kind: oneOf(['event', 'alert', 'state', 'metric']),
      action: oneOf(Object.keys(KINDS)),
      module: oneOf(['audit', 'pcap', 'fsnotify', 'logs', 'inventory', 'agent']),
      dataset: oneOf([...distinct(rows.map(row => `puppy_hids.${row.dataset}`)), 'puppy_hids.alerts']),
      category: list(oneOf(distinct(rows.flatMap(row => row.category)))),
      type: list(oneOf(distinct(rows.flatMap(row => row.type)))),
      outcome: oneOf(['success', 'failure', 'unknown']),
      created: time,
      sequence: whole,
      severity: oneOf(Object.values(SEVERITY)),
      risk_score: oneOf(Object.values(SEVERITY)),
      original: text,
    },
    ['id', 'kind', 'action', 'module', 'dataset'],
  ),
  error: object({ code: text }, ['code']),
  host: object({ name: text, id: text, hostname: text, architecture: text, os: object({ type: { const: 'linux' } }) }, [
    'name',
    'id',
    'os',
  ]),
  agent: object({ type: { const: 'puppy-hids' }, version: text, id: text }, ['type', 'version', 'id']),
  related: object({ user: list(text), ip: list(ip), hosts: list(text), hash: list(text) }),
  process: object({ ...image, exit_code: { type: 'integer' }, parent: object(image, ['pid']) }, ['pid', 'entity_id']),
  user: object({ id: text, name: text, target: account }),
  file: object({ ...fileState, path: text, name: text, directory: text, extension: text }, ['path']),
  dns: object(
    {
      type: oneOf(['query', 'answer']),
      id: text,
      op_code: text,
      header_flags: list(text),
      question: object({ name: text, type: text, class: text }),
      answers: list(object({ name: text, type: text, class: text, ttl: whole, data: text })),
      resolved_ip: list(ip),
      response_code: text,
    },
    ['type', 'id'],
  ),
  source: endpoint,
  destination: endpoint,
  network: object({
    type: oneOf(['ipv4', 'ipv6']),
    protocol: oneOf(['dns', 'mdns', 'llmnr']),
    transport: text,
    direction: oneOf(['egress', 'ingress']),
    community_id: text,
  }),
  container: object(
    {
      id: text,
      runtime: text,
      name: text,
      image: object({ name: text, tag: list(text) }),
      labels: { type: 'object', additionalProperties: text },
    },
    ['id'],
  ),
  orchestrator: object({
    type: { const: 'kubernetes' },
    namespace: text,
    resource: object({ type: { const: 'pod' }, id: text, name: text }),
  }),
  service: object({ name: text }, ['name']),
  log: object({
    level: oneOf(LEVELS),
    syslog: object({ appname: text, procid: text, hostname: text, facility: coded, severity: coded }),
    file: object({ path: text }, ['path']),
  }),
  rule: object(
    {
      id: text,
      uuid: text,
      name: text,
      description: text,
      author: list(text),
      reference: text,
      license: text,
      ruleset: text,
      version: text,
    },
    ['id', 'name'],
  ),
  threat: object(
    {
      framework: text,
      tactic: named,
      technique: object({ id: list(text), name: list(text), subtechnique: named }, ['id', 'name']),
    },
    ['framework'],
  ),
  puppy,
};

export function eventsSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A line of puppy-hids (puppy.schema 1, ECS 9.4)',
    ...object(ROOT, ['@timestamp', 'ecs', 'event', 'host', 'agent', 'puppy']),
    if: { properties: { event: { type: 'object', properties: { kind: { const: 'alert' } }, required: ['kind'] } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: {
      required: ['rule', 'message', 'log'],
      properties: {
        event: { type: 'object', required: ['severity', 'risk_score'] },
        log: { type: 'object', required: ['level'] },
        puppy: { type: 'object', required: ['event'] },
      },
    },
  };
}

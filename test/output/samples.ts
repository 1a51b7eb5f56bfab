// One event of every kind, as the pipeline gives them, and a match: a table over Kind, so that none can be forgotten.

import type {
  AnyEvent,
  Container,
  Credentials,
  FileFacts,
  Kind,
  Process,
  ProcessImage,
  RecordView,
} from '../../src/core/event.ts';
import type { Match } from '../../src/core/match.ts';
import { type EcsContext, type EcsOptions, ecsContext } from '../../src/output/ecs/context.ts';

export const OPTIONS: EcsOptions = {
  host: { id: '0123456789abcdef0123456789abcdef', name: 'web1.example.org', hostname: 'web1', architecture: 'x86_64' },
  agent: { id: 'agent-1', version: '0.1.0' },
  labels: { site: 'berlin' },
};

export function context(options: Partial<EcsOptions> = {}): EcsContext {
  return ecsContext({ ...OPTIONS, ...options });
}

const alice: Credentials = {
  uid: { id: 1000, name: 'alice' },
  euid: { id: 0, name: 'root' },
  suid: { id: 0, name: 'root' },
  fsuid: { id: 0, name: 'root' },
  gid: { id: 1000, name: 'alice' },
  egid: { id: 1000, name: 'alice' },
  sgid: { id: 1000 },
  fsgid: { id: 1000 },
};

export const container: Container = {
  id: '3f1b'.repeat(16),
  runtime: 'containerd',
  name: 'app',
  image: { name: 'registry.example.org:5000/shop/app', tag: '1.2' },
  labels: { 'io.kubernetes.container.name': 'app', role: 'web' },
  pod: { uid: '3e1b2f3a-0c4d-4e5f-8a9b-0123456789ab', name: 'web-0', namespace: 'shop' },
};

export const curl: ProcessImage = {
  pid: 4243,
  entitySeed: '4243:1700000000.123:77',
  executable: '/usr/bin/curl',
  invoked: ['/usr/bin/curl'],
  comm: 'curl',
  args: ['curl', '-s', '', 'http://127.0.0.1:9/x'],
  argsCount: 4,
  commandLine: 'curl -s  http://127.0.0.1:9/x',
  cwd: '/home/alice',
  startMs: 1_700_000_000_123,
  tty: 'pts/0',
  credentials: alice,
  login: { auid: { id: 1000, name: 'alice' }, session: 3, terminal: 'pts/0', address: '192.0.2.7' },
  container,
  drift: true,
  origin: 'audit',
};

export const shell: ProcessImage = {
  pid: 4242,
  entitySeed: '4242@boot/1234',
  executable: '/usr/bin/dash',
  args: ['sh', '-c', 'curl -s http://127.0.0.1:9/x | sh'],
  argsCount: 3,
  commandLine: 'sh -c curl -s http://127.0.0.1:9/x | sh',
  cwd: '/home/alice',
  credentials: alice,
  foreignRoot: true,
  origin: 'proc',
};

export const init: ProcessImage = {
  pid: 1,
  entitySeed: '1@boot/2',
  executable: '/usr/lib/systemd/systemd',
  origin: 'proc',
};

export const process: Process = { image: curl, ancestors: [shell, init], parentPid: 4242 };

export function record(type: string, fields: Record<string, string>): RecordView {
  return { type, get: name => fields[name], entries: () => Object.entries(fields) };
}

const base = {
  module: 'audit',
  timeMs: 1_700_000_000_123,
  createdMs: 1_700_000_000_456,
  stamp: '1700000000.123:77',
  ordinal: 0,
  sequence: 77,
  warnings: [],
} as const;

const own = { ...base, module: 'agent', stamp: '1700000000.123', message: 'as it should be' } as const;
const account = {
  ...base,
  process,
  target: { name: 'bob', id: 1001 },
  address: '192.0.2.7',
  terminal: 'ssh',
  outcome: 'success',
} as const;
const net = {
  ...base,
  process,
  source: { ip: '192.0.2.1', port: 40000 },
  destination: { ip: '2001:db8::1', port: 443, domain: 'example.org' },
  family: 'ipv6',
  transport: 'tcp',
} as const;

const hosts: FileFacts = {
  path: '/etc/cron.d/a+b.sh',
  type: 'file',
  inode: '1234',
  dev: 'fe:00',
  mode: 0o4755,
  owner: { id: 0, name: 'root' },
  group: { id: 1000 },
  size: 12,
  mtimeMs: 1_700_000_000_100,
  ctimeMs: 1_700_000_000_120,
  hashes: { sha256: 'ab'.repeat(32), md5: 'cd'.repeat(16) },
  capabilities: 'cap_net_raw=ep',
  previous: {
    type: 'file',
    mode: 0o644,
    size: 0,
    owner: { id: 1000, name: 'alice' },
    hashes: { sha256: 'ef'.repeat(32) },
  },
  package: { manager: 'dpkg', name: 'cron', version: '3.0pl1-162', state: 'changed' },
  diff: '@@ -1 +1 @@\n-a\n+b\n',
};
const fileBase = {
  module: 'fsnotify',
  timeMs: 1_700_000_000_123,
  createdMs: 1_700_000_000_456,
  stamp: '1700000000123:/etc/cron.d/a+b.sh',
  ordinal: 0,
  warnings: [],
  file: hosts,
  teller: 'fanotify',
} as const;

const dnsBase = {
  module: 'pcap',
  timeMs: 1_700_000_000_123,
  createdMs: 1_700_000_000_456,
  stamp: '1700000000123',
  ordinal: 1,
  warnings: [],
  source: { ip: '192.0.2.1', port: 40000 },
  destination: { ip: '192.0.2.53', port: 53 },
  family: 'ipv4',
  transport: 'udp',
} as const;

type SampleOf<K extends Kind> = AnyEvent & { readonly kind: K };

export const SAMPLES: { readonly [K in Kind]: SampleOf<K> } = {
  exec: {
    ...base,
    kind: 'exec',
    process,
    outcome: 'success',
    records: [
      record('SYSCALL', { arch: 'x86_64', syscall: 'execve', exe: '/usr/bin/curl' }),
      record('EXECVE', { argc: '4', a0: 'curl', a1: '-s', __proto__x: 'y' }),
    ],
  },
  exec_failed: {
    ...base,
    kind: 'exec_failed',
    process,
    target: '/nonexistent',
    outcome: 'failure',
    errorCode: 'ENOENT',
  },
  exit: { ...base, kind: 'exit', process, exitCode: 3 },
  connect: { ...net, kind: 'connect', outcome: 'failure', errorCode: 'ECONNREFUSED', via: 'io_uring' },
  accept: { ...net, kind: 'accept', outcome: 'success' },
  bind: { ...net, kind: 'bind', outcome: 'success' },
  listen: { ...base, kind: 'listen', process, outcome: 'unknown' },
  flow_seen: {
    ...net,
    kind: 'flow_seen',
    module: 'pcap',
    direction: 'ingress',
    communityId: '1:d/FP5EW3wiY1vCndhwleRRKHowQ=',
    translated: { source: { ip: '192.0.2.1', port: 4 }, destination: { ip: '192.0.2.2', port: 5 } },
    candidates: [40000, 40002],
    teller: 'packet',
  },
  dns_query: {
    ...dnsBase,
    kind: 'dns_query',
    dns: {
      protocol: 'dns',
      id: 4711,
      opCode: 'QUERY',
      flags: ['RD'],
      questions: [{ name: 'a.example.org', type: 'A', class: 'IN' }],
      answers: [],
    },
  },
  dns_answer: {
    ...dnsBase,
    kind: 'dns_answer',
    process,
    dns: {
      protocol: 'dns',
      id: 4711,
      opCode: 'QUERY',
      flags: ['RD', 'RA'],
      questions: [{ name: 'a.example.org', type: 'A', class: 'IN' }],
      answers: [
        { name: 'a.example.org', type: 'CNAME', class: 'IN', ttl: 60, data: 'b.example.org', target: 'b.example.org' },
        { name: 'b.example.org', type: 'A', class: 'IN', ttl: 60, data: '192.0.2.9', addresses: ['192.0.2.9'] },
      ],
      responseCode: 'NOERROR',
    },
  },
  created: { ...fileBase, kind: 'created', process },
  modified: { ...fileBase, kind: 'modified', process, warnings: ['merged'] },
  renamed: { ...fileBase, kind: 'renamed', process, file: { ...hosts, previousPath: '/tmp/x' } },
  linked: {
    ...fileBase,
    kind: 'linked',
    container,
    file: { path: '/etc/l', hostPath: '/o/merged/etc/l' },
    teller: 'inotify',
  },
  attributes_modified: { ...fileBase, kind: 'attributes_modified', teller: 'scan', warnings: ['while_down'] },
  deleted: { ...fileBase, kind: 'deleted', process, file: { path: '/etc/x', inode: '7', movedTo: '/tmp/y' } },
  accessed: {
    ...base,
    kind: 'accessed',
    process,
    file: { path: '/etc/shadow', type: 'symlink', target: '/x', mode: 0 },
    teller: 'audit',
    outcome: 'failure',
    errorCode: 'EACCES',
  },
  root_changed: { ...base, kind: 'root_changed', process },
  namespace_entered: { ...base, kind: 'namespace_entered', process },
  audit_config_changed: { ...base, kind: 'audit_config_changed' },
  logged_in: { ...account, kind: 'logged_in' },
  login_failed: { ...account, kind: 'login_failed', outcome: 'failure', address: 'host.example.org' },
  session_opened: { ...account, kind: 'session_opened' },
  session_closed: { ...account, kind: 'session_closed' },
  sudo_command: { ...account, kind: 'sudo_command' },
  user_added: { ...account, kind: 'user_added' },
  user_deleted: { ...account, kind: 'user_deleted' },
  group_changed: { ...account, kind: 'group_changed' },
  password_changed: { ...account, kind: 'password_changed' },
  service_started: { ...base, kind: 'service_started', service: 'ssh' },
  service_stopped: { ...base, kind: 'service_stopped', service: 'ssh' },
  container_started: { ...base, module: 'inventory', kind: 'container_started', container },
  container_stopped: { ...base, module: 'inventory', kind: 'container_stopped', container: { id: 'web' } },
  host_booted: { ...base, kind: 'host_booted' },
  host_stopping: { ...base, kind: 'host_stopping' },
  anomaly: { ...base, kind: 'anomaly', process },
  audit_event: { ...base, kind: 'audit_event' },
  log_line: {
    ...base,
    module: 'logs',
    kind: 'log_line',
    log: {
      message: 'Server listening on 0.0.0.0 port 22.',
      original: 'Nov 24 07:40:13 web1 sshd[812]: Server listening on 0.0.0.0 port 22.',
      program: 'sshd',
      pid: 812,
      hostname: 'web1',
      facility: 10,
      severity: 6,
      path: '/var/log/auth.log',
      services: ['sshd', 'auth', 'syslog'],
      user: 'alice',
    },
  },
  agent_started: {
    ...own,
    kind: 'agent_started',
    details: { mode: 'own', sources: ['audit'], unseen: null, deep: { a: { b: 1 } } },
  },
  agent_stopped: { ...own, kind: 'agent_stopped' },
  rules_loaded: { ...own, kind: 'rules_loaded', details: { rules: 142 } },
  rule_rejected: { ...own, kind: 'rule_rejected', details: { file: 'a.yml', line: 3, message: 'unknown modifier' } },
  source_down: { ...own, kind: 'source_down', details: { source: 'audit' } },
  source_up: { ...own, kind: 'source_up', details: { source: 'audit' } },
  loss: {
    ...own,
    kind: 'loss',
    loss: {
      source: 'audit',
      reason: 'socket',
      count: 12,
      unit: 'events',
      upperBound: false,
      fromMs: 1_700_000_000_000,
      toMs: 1_700_000_001_000,
      heaviest: { uid: 1000, executable: '/usr/bin/curl', bytes: 12345 },
    },
  },
  heartbeat: { ...own, kind: 'heartbeat', counters: { audit: { events: 12, lost: 0 }, output: { written: 3 } } },
};

export const MATCH: Match = {
  rule: {
    id: '8f3f4d24-b1a1-4d5a-9c0a-1f2e3d4c5b6a',
    title: 'Download piped into a shell',
    description: 'A download is run at once.',
    authors: ['The puppy-hids authors'],
    reference: 'https://attack.mitre.org/techniques/T1059/004/',
    license: 'Apache-2.0',
    level: 'high',
    file: 'rules.d/exec.yml',
    version: '2026-01-01',
    tags: [
      'attack.execution',
      'attack.t1059.004',
      'attack.command_and_control',
      'attack.t1105',
      'attack.g0020',
      'cve.2021-44228',
    ],
  },
  conditions: [
    { selection: 'selection', field: 'CommandLine', modifier: 'contains', pattern: 'http', value: curl.commandLine! },
  ],
};

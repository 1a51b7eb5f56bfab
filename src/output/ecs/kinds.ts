// Which ECS categories, types and dataset each kind of event has. Tables over Kind: a new kind doesn't compile without its row.

import type { Kind, Level } from '../../core/event.ts';

export type EcsKind = 'event' | 'alert' | 'state' | 'metric';

export interface KindRow {
  readonly kind: EcsKind;
  /** What follows `puppy_hids.` in event.dataset. */
  readonly dataset: 'process' | 'network' | 'dns' | 'auth' | 'iam' | 'file' | 'configuration' | 'log' | 'agent';
  readonly category: readonly string[];
  readonly type: readonly string[];
}

function row(dataset: KindRow['dataset'], category: string, ...type: string[]): KindRow {
  return { kind: 'event', dataset, category: category.split(','), type };
}

const agent = row('agent', 'process', 'info');
const metric: KindRow = { kind: 'metric', dataset: 'agent', category: [], type: [] };

export const KINDS: { readonly [K in Kind]: KindRow } = {
  exec: row('process', 'process', 'start'),
  exec_failed: row('process', 'process', 'info'),
  exit: row('process', 'process', 'end'),
  connect: row('network', 'network', 'connection', 'start'),
  accept: row('network', 'network', 'connection', 'start'),
  bind: row('network', 'network', 'info'),
  listen: row('network', 'network', 'info'),
  flow_seen: row('network', 'network', 'connection', 'info'),
  dns_query: row('dns', 'network', 'protocol', 'info'),
  dns_answer: row('dns', 'network', 'protocol', 'info'),
  created: row('file', 'file', 'creation'),
  modified: row('file', 'file', 'change'),
  renamed: row('file', 'file', 'change'),
  linked: row('file', 'file', 'change'),
  attributes_modified: row('file', 'file', 'change'),
  deleted: row('file', 'file', 'deletion'),
  accessed: row('file', 'file', 'access'),
  root_changed: row('configuration', 'configuration', 'change'),
  namespace_entered: row('configuration', 'configuration', 'change'),
  audit_config_changed: row('configuration', 'configuration', 'change'),
  logged_in: row('auth', 'authentication', 'start'),
  login_failed: row('auth', 'authentication', 'start'),
  session_opened: row('auth', 'session', 'start'),
  session_closed: row('auth', 'session', 'end'),
  sudo_command: row('auth', 'process', 'info'),
  user_added: row('iam', 'iam', 'user', 'creation'),
  user_deleted: row('iam', 'iam', 'user', 'deletion'),
  group_changed: row('iam', 'iam', 'group', 'change'),
  password_changed: row('iam', 'iam', 'user', 'change'),
  service_started: row('process', 'process', 'start'),
  service_stopped: row('process', 'process', 'end'),
  container_started: row('process', 'process', 'start'),
  container_stopped: row('process', 'process', 'end'),
  host_booted: row('configuration', 'host', 'start'),
  host_stopping: row('configuration', 'host', 'end'),
  anomaly: row('process', 'process', 'info'),
  audit_event: row('process', 'process', 'info'),
  log_line: row('log', 'host', 'info'),
  agent_started: agent,
  agent_stopped: agent,
  rules_loaded: agent,
  rule_rejected: agent,
  source_down: agent,
  source_up: agent,
  loss: metric,
  heartbeat: metric,
};

/** event.severity and event.risk_score by Sigma's level: the numbers that Elastic's own rules use. */
export const SEVERITY: Readonly<Record<Level, number>> = {
  informational: 1,
  low: 21,
  medium: 47,
  high: 73,
  critical: 99,
};

// Whole events of three kernels against what another tool (go-libaudit's aucoalesce) makes of them: who, what, with which result.

import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { errnoNumber } from '../../src/audit/tables/errnos.ts';
import { type Observed, observe, type Record, sharedData } from './replayed.ts';

interface Golden {
  readonly test_name: string;
  readonly event: {
    readonly sequence: number;
    readonly '@timestamp': string;
    readonly record_type: string;
    readonly result?: string;
    readonly session: string;
    readonly tags?: readonly string[];
    readonly user: { readonly ids: { readonly [name: string]: string } };
    readonly process: { readonly [name: string]: unknown } & { readonly args?: readonly string[] };
    readonly source?: { readonly ip: string; readonly port?: string };
    readonly destination?: { readonly ip: string; readonly port?: string };
    readonly paths?: readonly { readonly [name: string]: string }[];
    readonly data?: { readonly [name: string]: string };
  };
}

/** Our kinds for what the corpus has. Others have none of their own. */
const KINDS: { readonly [test: string]: string } = {
  ANOM_PROMISCUOUS: 'anomaly',
  'CONFIG_CHANGE remove rule': 'audit_config_changed',
  'CONFIG_CHANGE update rules': 'audit_config_changed',
  EXECVE: 'exec',
  'EXECVE with multiple keys': 'exec',
  SERVICE_START: 'service_started',
  'USER_CHAUTHTOK failed': 'password_changed',
  USER_CMD: 'sudo_command',
  USER_END: 'session_closed',
  USER_LOGIN: 'login_failed',
  'USER_LOGIN failed ssh': 'login_failed',
  'USER_LOGIN success': 'logged_in',
  USER_START: 'session_opened',
  'accept syscall': 'accept',
  'connect syscall': 'connect',
  file_mode_preservation: 'exec',
  'listen syscall': 'listen',
};

const folder = sharedData('audit/coalesce');

const find = (observed: Observed, type: string): Record | undefined =>
  observed.records.find(record => record.type === type);
const known = (value: string | undefined): string | undefined => (value === 'unset' ? undefined : value);
const text = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));

/** The record that the other tool takes for the event's own. */
function main(observed: Observed, golden: Golden): Record {
  const wanted = golden.event.record_type.toUpperCase();
  return find(observed, wanted === 'SYSCALL' ? 'SYSCALL' : wanted) ?? observed.records[0]!;
}

function checkProcess(observed: Observed, golden: Golden): void {
  const { process, user, session } = golden.event;
  const task = 'task' in observed ? observed.task : undefined;
  expect(text(task?.pid)).toBe(process.pid as string);
  expect(text(task?.ppid)).toBe(process.ppid as string);
  expect(task?.exe).toBe(process.exe as string);
  if (process.name !== undefined) expect(task?.comm).toBe(process.name as string);
  if (process.title !== undefined) {
    expect(find(observed, 'PROCTITLE')!.fields.proctitle).toBe(process.title as string);
  }
  if (task === undefined) return;
  for (const [name, id] of Object.entries(user.ids)) {
    expect({ [name]: text(task[name as 'uid']) }).toEqual({ [name]: known(id) });
  }
  expect(text(task.session)).toBe(known(session));
}

function checkRecords(observed: Observed, golden: Golden): void {
  const { data = {}, paths = [], tags } = golden.event;
  const call = find(observed, 'SYSCALL');
  if (data.syscall !== undefined) expect(call!.fields.SYSCALL).toBe(data.syscall);
  if (data.arch !== undefined) expect(call!.fields.ARCH).toBe(data.arch);
  if (data.exit !== undefined) {
    const errno = errnoNumber(data.exit);
    expect(call!.fields.exit).toBe(errno === undefined ? data.exit : String(-errno));
  }
  for (const name of ['a0', 'a1', 'a2', 'a3'] as const) {
    if (data[name] !== undefined && call !== undefined) expect(call.fields[name]).toBe(data[name]);
  }
  const record = main(observed, golden);
  for (const name of [
    'acct',
    'op',
    'terminal',
    'unit',
    'cmd',
    'hostname',
    'table',
    'family',
    'entries',
    'prom',
    'old_prom',
  ]) {
    if (data[name] === undefined) continue;
    const holder = observed.records.find(each => each.fields[name] !== undefined);
    expect({ [name]: holder?.fields[name] }).toEqual({ [name]: data[name] });
  }
  if (data.socket_addr !== undefined) {
    const address = find(observed, 'SOCKADDR')!.fields;
    expect(address).toMatchObject({ laddr: data.socket_addr, lport: data.socket_port! });
  }
  expect(observed.records.filter(each => each.type === 'PATH').map(each => each.fields)).toEqual(
    paths.map(path => Object.fromEntries(Object.entries(path).filter(([name]) => !/^obj_/.test(name)))),
  );
  const key = observed.records.map(each => each.fields.key).find(each => each !== undefined);
  expect(key).toBe(tags?.join('\x01'));
  expect(record).toBeDefined();
}

function checkMeaning(observed: Observed, golden: Golden): void {
  const { process, result, source, destination } = golden.event;
  expect(observed.kind).toBe((KINDS[golden.test_name] ?? 'audit_event') as Observed['kind']);
  const outcome = result === 'success' ? 'success' : 'failure';
  // A connection in progress is no failure yet.
  expect(observed.outcome).toBe(observed.errorCode === 'EINPROGRESS' ? 'unknown' : outcome);
  if (observed.kind === 'exec') {
    const { args, argsCount, cwd } = observed as Observed & { args?: string[]; argsCount?: number; cwd?: string };
    expect(args).toEqual([...process.args!]);
    expect(argsCount).toBe(process.args!.length);
    expect(cwd).toBe(process.cwd as string);
  }
  const address = { source, destination };
  for (const side of ['source', 'destination'] as const) {
    const end = address[side];
    if (end === undefined) continue;
    if (observed.kind === 'connect' || observed.kind === 'accept') {
      expect((observed as { [side: string]: unknown })[side]).toEqual({ ip: end.ip, port: Number(end.port) });
    } else if ('address' in observed) {
      expect(observed.address).toBe(end.ip);
    }
  }
}

describe.skipIf(folder === undefined)('whole events of other kernels (shared data)', () => {
  for (const file of folder === undefined ? [] : readdirSync(folder).filter(name => name.endsWith('.yaml'))) {
    const inputs = (parse(readFileSync(join(folder!, file), 'utf8')) as { tests: { [name: string]: string } }).tests;
    const goldens = JSON.parse(readFileSync(join(folder!, file.replace('.yaml', '.json.golden')), 'utf8')) as Golden[];
    test(`${file}: every event is there`, () => {
      expect(goldens.map(golden => golden.test_name).sort()).toEqual(Object.keys(inputs).sort());
    });
    for (const golden of goldens) {
      test(`${file}: ${golden.test_name}`, () => {
        const all = observe(inputs[golden.test_name]!);
        expect(all.length).toBe(1);
        const observed = all[0]!;
        expect(observed.sequence).toBe(golden.event.sequence);
        expect(observed.timeMs).toBe(Date.parse(golden.event['@timestamp']));
        checkMeaning(observed, golden);
        checkProcess(observed, golden);
        checkRecords(observed, golden);
      });
    }
  }
});

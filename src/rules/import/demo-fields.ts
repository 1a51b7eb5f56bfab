// The Go demo's sources and fields in Sigma's words, and why some have none. Data. Its agents told names on Linux as follows: a
// process by its resolved path, its parent by the kernel's name of the task; a connection's ends as `address:port`.

import type { Logsource } from '../ast.ts';

export interface DemoField {
  /** Any of them; the first for a single value. */
  readonly names: readonly string[];
  /** Where a text without a slash is meant: a file's name. */
  readonly file?: string;
  /** The one value that `count` remembers. */
  readonly term?: string;
  /** How a text of the demo reads here. */
  readonly values?: Readonly<Record<string, string>>;
  /** Told when the field is used. */
  readonly note?: string;
}

export interface DemoSource {
  readonly logsource: Logsource;
  readonly fields: Readonly<Record<string, DemoField>>;
  /** What every event that is meant has. */
  readonly always?: Readonly<Record<string, unknown>>;
}

const one = (name: string): DemoField => ({ names: [name] });

export const DEMO_SOURCES: Readonly<Record<string, DemoSource>> = {
  process: {
    logsource: { category: 'process_creation', product: 'linux' },
    fields: {
      name: { names: ['Image'], file: 'process.name', term: 'process.executable' },
      command: one('CommandLine'),
      pid: one('ProcessId'),
      ppid: one('ParentProcessId'),
      parentname: one('process.parent.name'),
      info: {
        names: ['CurrentDirectory', 'User'],
        note: '"info" held PWD, LOGNAME and USER of the environment: the working directory and the user are looked at instead',
      },
    },
  },
  connection: {
    logsource: { category: 'network_connection', product: 'linux' },
    fields: {
      dir: { names: ['Initiated'], values: { out: 'true', in: 'false' } },
      protocol: one('Protocol'),
      name: one('process.name'),
      pid: one('ProcessId'),
    },
  },
  file: {
    logsource: { category: 'file_event', product: 'linux' },
    fields: {
      path: one('TargetFilename'),
      user: { names: ['file.owner'], note: '"user" was the owner of the file' },
    },
  },
  loginlog: {
    logsource: { product: 'linux', service: 'auth' },
    always: { 'event.action': ['logged_in', 'login_failed'] },
    fields: {
      username: one('user.target.name'),
      remote: one('source.ip'),
      hostname: one('source.domain'),
      status: { names: ['event.outcome'], values: { true: 'success', false: 'failure' } },
    },
  },
};

/** By what the demo called the change. */
export const FILE_ACTIONS: Readonly<Record<string, { readonly category: string; readonly action?: string }>> = {
  create: { category: 'file_event', action: 'created' },
  write: { category: 'file_event' },
  rename: { category: 'file_rename' },
  remove: { category: 'file_delete' },
  chmod: { category: 'file_change', action: 'attributes_modified' },
};

export const NO_SOURCE: Readonly<Record<string, string>> = {
  crontab: 'rules are not asked about the inventory: watch the files of cron with a rule of category file_event',
  listening: 'rules are not asked about the inventory of listening sockets',
  service: 'rules are not asked about the inventory: watch the files of units with a rule of category file_event',
  startup:
    'rules are not asked about the inventory: watch the files that are run at boot with a rule of category file_event',
  userlist:
    'rules are not asked about the inventory: useradd and usermod are seen by rules of process_creation, or of service auth',
};

export const NO_FIELD: Readonly<Record<string, string>> = {
  'file.hash': 'MD5 sums of files are not taken',
  'loginlog.time': 'Sigma has no word for the time of day',
};

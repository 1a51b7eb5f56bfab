// Where the executable is, and a log that makes it load its native part.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export const root = join(import.meta.dir, '../..');
export const executable = join(root, 'puppy-hids');
export const log = join(root, 'test/audit/fixtures/written-exec.log');
export const REPLAY = ['replay', '-q', '--events', '--rules', join(root, 'rules.d'), log];

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Ran {
  const r = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20, ...options });
  if (r.error) throw r.error;
  return { status: r.status, out: r.stdout, err: r.stderr };
}

/** Without what differs by run and machine: `event.created` is when a line was read. */
export function comparable(out: string): string[] {
  return out.split('\n').map(line => line.replace(/"(created|architecture)":"[^"]*"/g, '"$1":""'));
}

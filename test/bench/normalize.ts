// How long normalising takes: microseconds for each event, from the assembled event to its observation, on repeated captured records
// with new serials. The cost of walking the events alone is the baseline of the same run.
//
//   bun test/bench/normalize.ts [EVENTS]

import { incompleteReasons } from '../../src/audit/complete.ts';
import type { AuditEvent } from '../../src/audit/event.ts';
import { normalize } from '../../src/audit/normalize/index.ts';
import { AuditReplay } from '../../src/audit/replay.ts';

const events = Number(process.argv[2] ?? 100_000);

const EXEC = `type=SYSCALL msg=audit(@): arch=c000003e syscall=59 success=yes exit=0 a0=55d4e1c0f2a0 a1=55d4e1c0f330 a2=55d4e1bf7a50 a3=8 items=2 ppid=2831 pid=2832 auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3 comm="grep" exe="/usr/bin/grep" subj=unconfined key="user_commands"
type=BPRM_FCAPS msg=audit(@): fver=0 fp=0000000000000000 fi=0000000000000000 fe=0 old_pp=0000000000000000 old_pi=0000000000000000 old_pe=0000000000000000 old_pa=0000000000000000 pp=0000000000000000 pi=0000000000000000 pe=0000000000000000 pa=0000000000000000 frootid=0
type=EXECVE msg=audit(@): argc=3 a0="grep" a1="--color=auto" a2="mapping"
type=CWD msg=audit(@): cwd="/home/andrew"
type=PATH msg=audit(@): item=0 name="/usr/bin/grep" inode=2512 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0
type=PATH msg=audit(@): item=1 name="/lib64/ld-linux-x86-64.so.2" inode=19161168 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0
type=PROCTITLE msg=audit(@): proctitle=67726570002D2D636F6C6F723D6175746F006D617070696E67
`;
const CONNECT = `type=SYSCALL msg=audit(@): arch=c000003e syscall=42 success=no exit=-115 a0=6 a1=7ffed2893080 a2=10 a3=fe items=0 ppid=1 pid=1172 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm="google_accounts" exe=2F7573722F62696E2F707974686F6E322E373B3538643163636662202864656C6574656429 subj=system_u:system_r:unconfined_service_t:s0 key=(null)
type=SOCKADDR msg=audit(@): saddr=02000050A9FEA9FE0000000000000000
type=PROCTITLE msg=audit(@): proctitle=676F6F676C655F6163636F756E7473
`;

function log(template: string, count: number): Buffer {
  const parts: string[] = [];
  for (let i = 0; i < count; i++) parts.push(template.replaceAll('@', `1492037291.036:${i + 1}`));
  return Buffer.from(parts.join(''));
}

/** Nanoseconds spent in `work`, summed over all events. */
function run(bytes: Buffer, work: (event: AuditEvent) => void): number {
  let spent = 0;
  const replay = new AuditReplay({ argvMaxBytes: 65_536 }, event => {
    const start = Bun.nanoseconds();
    work(event);
    spent += Bun.nanoseconds() - start;
  });
  replay.feed(bytes);
  replay.finish();
  replay.close();
  return spent;
}

const ASKED = ['type', 'SYSCALL', 'a0', 'exe', 'key', 'name'];

const measures: Record<string, (event: AuditEvent) => void> = {
  nothing: () => {},
  complete: event => void incompleteReasons(event),
  normalize: event => void normalize(event, 0, false),
  'normalize + complete': event => void normalize(event, 0),
  // What rules of `service: auditd` may ask of each record.
  '… + 6 fields a record': event => {
    for (const record of normalize(event, 0)!.records!) for (const name of ASKED) record.get(name);
  },
};

for (const [name, template] of Object.entries({ exec: EXEC, connect: CONNECT })) {
  const bytes = log(template, events);
  for (const [what, work] of Object.entries(measures)) {
    run(bytes, work);
    const best = Math.min(...[1, 2, 3].map(() => run(bytes, work)));
    process.stdout.write(`${name.padEnd(8)} ${what.padEnd(21)} ${(best / events / 1000).toFixed(2)} µs\n`);
  }
}

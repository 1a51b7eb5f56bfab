// Makes the captured fixtures of the normaliser: what an audit daemon wrote of each scenario, a log each. Not a test: run it as root
// with a built executable, look at the logs, and make their golden files.
//   bun run test/host/programs/capture.ts

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { AgentRun, auditctl, auditStatus, helper } from '../agent.ts';
import { Auditd } from '../auditd.ts';

const FIXTURES = join(import.meta.dir, '../../audit/fixtures');
const stamp = `Linux ${os.release().split('-')[0]}, Debian 12, auditd 3.0.9 (log_format RAW), beside the agent in mode share with --events`;

const daemon = new Auditd({ log_format: 'RAW', flush: 'NONE' });
const { enabled, backlog_limit } = auditStatus();
if (!(await daemon.start())) throw new Error('auditd did not start');
const run = await new AgentRun({ args: ['--events'] }).started();

const dir = '/tmp/puppy-capture';
spawnSync('rm', ['-rf', dir]);
mkdirSync(dir);
const program = join(dir, 'helper');
copyFileSync(helper(), program);
const script = join(dir, 'the-script.sh');
writeFileSync(script, '#!/bin/sh\nexit 0\n');
chmodSync(script, 0o755);
symlinkSync('the-script.sh', join(dir, 'a-link'));
for (const name of ['a+b', 'with space', 'quo"te', 'new\nline']) copyFileSync(program, join(dir, name));
copyFileSync(program, Buffer.concat([Buffer.from(`${dir}/caf`), Buffer.from([0xe9])]));
const server = createServer(socket => socket.end());
await new Promise<void>(done => server.listen(47_111, '::', done));

const sh = (text: string): unknown =>
  spawnSync('/bin/sh', ['-c', text], { cwd: dir, env: { PATH: '/usr/sbin:/usr/bin:/bin' } });
const scenarios: Readonly<Record<string, string>> = {
  'captured-names': 'for f in a+b "with space" quo* new* caf*; do "./$f" "$f"; done',
  'captured-scripts':
    './the-script.sh one; /bin/sh ./the-script.sh two; ./a-link three; ./helper memfd ./the-script.sh the-script.sh four; ./helper memfd ./helper hidden leaf',
  'captured-argv':
    './helper null ./helper; ./helper args ./helper 3 0; ./helper args ./helper 2 9000; ./helper args ./helper 300 30',
  'captured-connects':
    'for how in v4 v6 mapped long progress udp fastopen fastopenmsg uring unix; do ./helper connect $how 47111; done; ./helper connect v4 9',
  'captured-roots': 'unshare -Ur chroot / /bin/true; chroot / /bin/true',
  'captured-users':
    'setpriv --reuid=65534 --regid=65534 --clear-groups ./helper leaf; setpriv --euid=65534 ./helper leaf; echo 1000 >/proc/self/loginuid; ./helper leaf logged-in',
};

/** Only the events of the scenario's processes: those that executed something in its folder. */
function ofScenario(lines: readonly string[]): string[] {
  const serial = (line: string): string | undefined => /msg=audit\([\d.]+:(\d+)\)/.exec(line)?.[1];
  const pid = (line: string): string | undefined => / pid=(\d+)/.exec(line)?.[1];
  const here = new Set(lines.filter(line => line.endsWith(` cwd="${dir}"`)).map(serial));
  const pids = new Set(lines.filter(line => here.has(serial(line))).flatMap(line => pid(line) ?? []));
  const kept = new Set(lines.filter(line => pids.has(pid(line) ?? '')).map(serial));
  return lines.filter(line => line === '' || kept.has(serial(line)));
}

for (const [name, command] of Object.entries(scenarios)) {
  const from = daemon.lines().length - 1;
  sh(command);
  await Bun.sleep(700);
  const lines = ofScenario(daemon.lines().slice(from));
  const origin = `# ${stamp}\n# in ${dir}, with test/host/programs/helper.c: sh -c '${command}'\n`;
  writeFileSync(join(FIXTURES, `${name}.log`), origin + lines.join('\n'));
  console.log(`${name}: ${lines.length} lines`);
}
server.close();
await run.stop();
await daemon.stop();
auditctl('-e', String(enabled), '-b', String(backlog_limit));
spawnSync('rm', ['-rf', dir]);
process.exit(0);

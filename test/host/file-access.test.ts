// Files that rules name are watched for reads by the kernel: by whichever name they are opened, and whoever it was refused to.

import { afterEach, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type AgentRun, agent, at, auditctl, folder, guardKernel, type Line, scratch, text } from './agent.ts';

const kernel = guardKernel();
let server: Server | undefined;
afterEach(() => server?.close());

const sh = (script: string): string => execFileSync('sh', ['-c', script], { encoding: 'utf8' });

let ids = 0;
/** A rule over reads. */
function write(dir: string, title: string, selection: object): void {
  const id = `00000000-0000-4000-8001-${String(++ids).padStart(12, '0')}`;
  const logsource = { product: 'linux', category: 'file_access' };
  const rule = { title, id, level: 'high', logsource, detection: { selection, condition: 'selection' } };
  writeFileSync(join(dir, `${title.replaceAll(' ', '-')}.yml`), JSON.stringify(rule));
}
const alertsOf = (run: AgentRun, title: string): Line[] =>
  run.alerts().filter(line => text(line, 'rule.name') === title);
async function fires(run: AgentRun, title: string, times: number): Promise<readonly Line[]> {
  await run.until(`${times} alerts "${title}"`, () => alertsOf(run, title).length >= times);
  return alertsOf(run, title);
}

describe('reads of files', () => {
  test('are told by every name, of folders with what comes later, and when they are refused', async () => {
    const rules = folder();
    const files = folder();
    const secret = join(files, 'secret');
    writeFileSync(secret, 'x');
    symlinkSync(secret, join(files, 'link'));
    mkdirSync(join(files, 'keys/deep'), { recursive: true });
    for (const open of [scratch, files]) chmodSync(open, 0o755);
    write(rules, 'secret read', { TargetFilename: secret });
    write(rules, 'key read', { 'TargetFilename|startswith': join(files, 'keys/') });
    write(rules, 'symbols read', { TargetFilename: '/proc/kallsyms', 'Image|endswith': '/head' });
    const run = await agent({ rules });
    expect(auditctl('-l')).toContain(`dir=${files}/keys`);

    sh(`cat ${secret}; cat ${files}/link; cat /proc/self/root${secret}; cd ${files}; cat secret`);
    const names = await fires(run, 'secret read', 4);
    expect(names.map(line => text(line, 'file.path'))).toEqual([secret, secret, secret, secret]);
    expect(names.map(line => text(line, 'process.name'))).toEqual(['cat', 'cat', 'cat', 'cat']);
    const isOtherName = (line: Line) => [at(line, 'puppy.warnings') ?? []].flat().includes('other_name');
    expect(names.map(isOtherName)).toEqual([false, true, true, false]);
    expect(text(names[0]!, 'event.action')).toBe('accessed');
    expect(text(names[0]!, 'puppy.origin.file')).toBe('audit');

    // Neither a look at its attributes, nor a write, nor a name for it is a read.
    sh(`ls -l ${secret}; stat ${secret}; echo y >>${secret}; mv ${secret} ${secret}.1; mv ${secret}.1 ${secret}`);
    sh(`chmod 600 ${secret}; setpriv --reuid 65534 --clear-groups cat ${secret} 2>&1 || true`);
    const refused = (await fires(run, 'secret read', 5))[4]!;
    expect(text(refused, 'event.outcome')).toBe('failure');
    expect(text(refused, 'error.code')).toBe('EACCES');
    expect(text(refused, 'process.user.id')).toBe('65534');

    sh(`echo k >${files}/keys/deep/new; cat ${files}/keys/deep/new; head -n 1 /proc/kallsyms`);
    const [key] = await fires(run, 'key read', 1);
    expect(text(key!, 'file.path')).toBe(join(files, 'keys/deep/new'));
    await fires(run, 'symbols read', 1);
    expect(alertsOf(run, 'secret read')).toHaveLength(5);
    expect(alertsOf(run, 'key read')).toHaveLength(1);
    expect(await run.stop()).toBe(0);
    expect(auditctl('-l')).toBe(kernel.before().rules);
  }, 60_000);

  test('a file that is replaced stays watched', async () => {
    const rules = folder();
    const secret = join(folder(), 'secret');
    writeFileSync(secret, 'x');
    write(rules, 'secret read', { TargetFilename: secret });
    const run = await agent({ rules });
    sh(`echo y >${secret}.new; mv ${secret}.new ${secret}; cat ${secret}`);
    expect(text((await fires(run, 'secret read', 1))[0]!, 'process.name')).toBe('cat');
    expect(await run.stop()).toBe(0);
  }, 60_000);

  test('a socket is connected to', async () => {
    const rules = folder();
    const socket = join(folder(), 'docker.sock');
    server = createServer(connection => connection.end());
    await new Promise<void>(done => server!.listen(socket, done));
    write(rules, 'socket used', { TargetFilename: socket });
    const run = await agent({ rules });
    const script = `import socket; s = socket.socket(socket.AF_UNIX); s.connect("${socket}")`;
    await Bun.spawn(['python3', '-c', script]).exited;
    const [used] = await fires(run, 'socket used', 1);
    expect(text(used!, 'file.path')).toBe(socket);
    expect(text(used!, 'process.name')).toStartWith('python3');
    expect(await run.stop()).toBe(0);
  }, 60_000);

  test('what audit has no watch for is told', async () => {
    const rules = folder();
    write(rules, 'memory read', { 'TargetFilename|re': '/proc/\\d+/mem' });
    write(rules, 'memory read too', { TargetFilename: '/proc/*/mem' });
    const run = await agent({ rules });
    expect(run.log()).toContain('regular expression: no folder to watch is known');
    expect(run.log()).toContain('processes come and go');
    expect(await run.stop()).toBe(0);
  }, 60_000);
});

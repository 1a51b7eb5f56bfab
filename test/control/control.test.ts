import { afterEach, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../../src/control/client.ts';
import { controlPaths } from '../../src/control/path.ts';
import { REQUEST_MAX_BYTES } from '../../src/control/protocol.ts';
import { ControlServer, type Handlers } from '../../src/control/server.ts';

const root = mkdtempSync(join(tmpdir(), 'puppy-control-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const open: ControlServer[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

let count = 0;
const freshPath = (): string => join(root, String(count++), 'control.sock');
const HANDLERS: Handlers = {
  reload: async () => {
    await Bun.sleep(50);
    return 'reloaded';
  },
  status: () => ({ pid: 1 }),
  rules: () => {
    throw new Error('no rules');
  },
};

async function serve(path: string, handlers = HANDLERS, times = { requestMs: 200, answerMs: 400 }): Promise<string> {
  const server = new ControlServer(handlers, times);
  open.push(server);
  return await server.open([path]);
}

/** Sends `text`, and gives all that comes until the end. */
function raw(path: string, text: string, end = false): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let got = '';
  const socket = connect(path, () => (end ? socket.end(text) : socket.write(text)));
  socket.on('data', data => {
    got += data;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => resolve(got));
  return promise;
}

describe('the control socket', () => {
  test('answers, also what takes its time and what fails', async () => {
    const path = await serve(freshPath());
    expect(await ask([path], 'status', 1_000)).toEqual({ answer: { pid: 1 } });
    expect(await ask(['/nonexistent/x.sock', path], 'reload', 1_000)).toEqual({ answer: 'reloaded' });
    expect(await ask([path], 'rules', 1_000)).toEqual({ error: 'no rules' });
    expect(await raw(path, '{"request":"status"}\n', true)).toBe('{"answer":{"pid":1}}\n');
  });

  test('is for its owner alone, and goes with the agent', async () => {
    const path = freshPath();
    const server = new ControlServer(HANDLERS);
    const before = process.umask(0);
    await server.open([path]);
    expect(process.umask(before)).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
    server.close();
    await Bun.sleep(10);
    expect(existsSync(path)).toBe(false);
    expect(await ask([path], 'status', 1_000)).toEqual({ absent: true });
  });

  test('of a dead agent is replaced, of a live one kept, also when that one is stopped', async () => {
    const path = freshPath();
    mkdirSync(join(path, '..'), { mode: 0o700 });
    const script = `require('net').createServer(() => {}).listen(process.argv[1], () => console.log('up'))`;
    const other = Bun.spawn([process.execPath, '-e', script, path], { stdout: 'pipe' });
    await other.stdout.getReader().read();
    await expect(serve(path)).rejects.toThrow(`another agent listens at ${path}`);
    other.kill('SIGSTOP');
    await expect(serve(path)).rejects.toThrow('another agent');
    other.kill('SIGKILL');
    await other.exited;
    expect(existsSync(path)).toBe(true);
    await serve(path);
    expect(await ask([path], 'status', 1_000)).toEqual({ answer: { pid: 1 } });
  });

  test('is not put where others could take its place, or where something else is', async () => {
    const path = freshPath();
    const folder = join(path, '..');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    await expect(serve(path)).rejects.toThrow('others can write the folder');
    chmodSync(folder, 0o700);
    writeFileSync(path, 'precious');
    await expect(serve(path)).rejects.toThrow('no socket: remove it');
    await expect(serve(join(root, 'x'.repeat(120), 'control.sock'))).rejects.toThrow('shorter state_dir');
    const second = freshPath();
    const server = new ControlServer(HANDLERS);
    open.push(server);
    expect(await server.open([path, second])).toBe(second);
  });

  test('wrong requests are told', async () => {
    const path = await serve(freshPath());
    expect(await raw(path, 'x\n')).toBe('{"error":"the request is not JSON"}\n');
    for (const line of ['null', '1', '{}', '{"request":"stop"}', '{"request":"toString"}', '{"request":["status"]}']) {
      expect(await raw(path, `${line}\n`)).toContain('unknown request');
    }
    expect(await raw(path, 'x'.repeat(REQUEST_MAX_BYTES + 1))).toContain('at most');
    expect(await raw(path, `${'x'.repeat(5 << 20)}\n`)).toContain('at most');
    expect(await raw(path, '{"request":"sta', true)).toBe('');
  });

  test('who says nothing, or takes nothing, is let go; the others are served meanwhile', async () => {
    const path = await serve(freshPath(), { ...HANDLERS, rules: () => 'x'.repeat(8 << 20) });
    const started = performance.now();
    expect(await raw(path, '{"request"')).toBe('');
    expect(performance.now() - started).toBeLessThan(2_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    const deaf: Socket = connect(path, () => {
      deaf.write('{"request":"rules"}\n');
      deaf.pause();
    });
    deaf.on('error', () => undefined);
    setTimeout(resolve, 700);
    expect(await ask([path], 'status', 1_000)).toEqual({ answer: { pid: 1 } });
    expect(await ask([path], 'rules', 5_000)).toEqual({ answer: 'x'.repeat(8 << 20) });
    await promise;
    deaf.destroy();
    const many = Array.from({ length: 40 }, () => connect(path).on('error', () => undefined));
    await Bun.sleep(50);
    expect(await ask([path], 'status', 1_000)).toHaveProperty('error');
    for (const socket of many) socket.destroy();
    await Bun.sleep(50);
    expect(await ask([path], 'status', 1_000)).toEqual({ answer: { pid: 1 } });
  });
});

describe('who asks', () => {
  test('is told what is wrong at the other end', async () => {
    const path = freshPath();
    mkdirSync(join(path, '..'));
    let reply = 'nonsense\n';
    const server = createServer(socket => (reply === '' ? undefined : socket.end(reply))).listen(path);
    expect(await ask([path], 'status', 1_000)).toHaveProperty('error', expect.stringContaining('without an answer'));
    reply = '{"answer":1';
    expect(await ask([path], 'status', 1_000)).toHaveProperty('error');
    reply = '';
    expect(await ask([path], 'status', 100)).toEqual({ error: 'the agent did not answer within 0.1 s' });
    server.close();
  });

  test('finds the socket by the configuration alone', () => {
    expect(controlPaths('/var/lib/puppy-hids')).toEqual([
      '/run/puppy-hids/control.sock',
      '/var/lib/puppy-hids/control.sock',
    ]);
    expect(controlPaths('/srv/state')).toEqual(['/srv/state/control.sock']);
  });
});

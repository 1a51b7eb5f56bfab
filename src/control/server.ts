// The agent's end of the control socket: for root and the agent's own user alone, by the modes of the socket and its folder. Nobody
// at the other end can hold up the agent: requests are short, connections few, and each has its time (edge: a Unix socket).

import { chmodSync, lstatSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { parseRequest, REQUEST_MAX_BYTES, type Reply, type Request } from './protocol.ts';

const CONNECTIONS_MAX = 8;
/** sun_path, without its end. */
const PATH_MAX_BYTES = 107;
const PROBE_MS = 1_000;

export type Handlers = Readonly<Record<Request, () => unknown>>;

export interface ControlTimes {
  /** Until the request must have come. */
  readonly requestMs: number;
  /** Until the answer must have been taken. */
  readonly answerMs: number;
}

export class ControlServer {
  private readonly handlers: Handlers;
  private readonly times: ControlTimes;
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private closed = false;

  /** A handler may give a promise. */
  constructor(handlers: Handlers, times: ControlTimes = { requestMs: 2_000, answerMs: 10_000 }) {
    this.handlers = handlers;
    this.times = times;
  }

  /**
   * Listens at the first of `paths` that can be had. What a dead agent left is replaced; where another agent listens, this one has no
   * socket. Throws Error with what to do.
   */
  async open(paths: readonly string[]): Promise<string> {
    const problems: string[] = [];
    for (const path of paths) {
      try {
        prepare(path);
        if (await isAlive(path)) throw new TakenError(`another agent listens at ${path}`);
        if (this.closed) throw new Error('the agent ends');
        await this.listen(path);
        return path;
      } catch (error) {
        if (error instanceof TakenError) throw error;
        problems.push(`${path}: ${(error as Error).message}`);
      }
    }
    throw new Error(problems.join('; '));
  }

  /** Takes the socket away. */
  close(): void {
    this.closed = true;
    this.server?.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private listen(path: string): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, socket => this.accept(socket));
    this.server = server;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.on('error', reject);
    // Nobody may come in between its making and its mode.
    const umask = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(umask);
    }
    return promise.then(() => chmodSync(path, 0o600));
  }

  private accept(socket: Socket): void {
    const { sockets, times } = this;
    if (sockets.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    let timer = setTimeout(() => socket.destroy(), times.requestMs);
    let text = '';
    let isAsked = false;
    const answer = (reply: Reply): void => {
      if (socket.destroyed) return;
      clearTimeout(timer);
      timer = setTimeout(() => socket.destroy(), times.answerMs);
      socket.end(`${JSON.stringify(reply)}\n`);
    };
    socket.on('close', () => {
      clearTimeout(timer);
      sockets.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => {
      if (!isAsked) socket.destroy();
    });
    socket.on('data', (data: Buffer) => {
      if (isAsked) return;
      text += data.toString('latin1', 0, REQUEST_MAX_BYTES + 1);
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= REQUEST_MAX_BYTES) return;
      isAsked = true;
      // What takes long is ours from here, not the client's.
      clearTimeout(timer);
      if (end < 0 || end > REQUEST_MAX_BYTES) answer({ error: `a request has at most ${REQUEST_MAX_BYTES} bytes` });
      else void this.reply(text.slice(0, end)).then(answer);
    });
  }

  private async reply(line: string): Promise<Reply> {
    const request = parseRequest(line);
    if (typeof request === 'object') return request;
    try {
      return { answer: await this.handlers[request]() };
    } catch (error) {
      return { error: (error as Error).message };
    }
  }
}

/** Takes away the sockets of agents that are gone; what can't be looked at stays. */
export async function removeDeadSockets(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await isAlive(path);
    } catch {
      // The next agent that wants to be there tells.
    }
  }
}

class TakenError extends Error {}

/** The folder is there, and nobody else can put a socket of theirs into it. */
function prepare(path: string): void {
  if (Buffer.byteLength(path) > PATH_MAX_BYTES) {
    throw new Error(`a socket's path has at most ${PATH_MAX_BYTES} bytes: choose a shorter state_dir`);
  }
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(folder);
  if ((uid !== 0 && uid !== process.getuid?.()) || (mode & 0o022) !== 0) {
    throw new Error(`others can write the folder ${folder}: make it root's alone (chmod go-w)`);
  }
}

/** Whether somebody listens at `path`. A socket where nobody does is taken away. */
async function isAlive(path: string): Promise<boolean> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (!stat.isSocket()) throw new Error('there is a file that is no socket: remove it');
  const code = await probe(path);
  if (code === undefined) return true;
  if (code === 'ECONNREFUSED') unlinkSync(path);
  else if (code !== 'ENOENT') throw new Error(code);
  return false;
}

/** The error's code, or undefined where the connection was taken; who doesn't take it in time is alive, but stopped. */
function probe(path: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect(path);
  const timer = setTimeout(() => resolve(undefined), PROBE_MS);
  socket.on('connect', () => resolve(undefined));
  socket.on('error', error => resolve((error as NodeJS.ErrnoException).code ?? error.message));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

// Asks the running agent (edge: a Unix socket).

import { connect } from 'node:net';
import { ANSWER_MAX_BYTES, parseReply, type Reply, type Request } from './protocol.ts';

export type Asked =
  | Reply
  /** Nobody listens at any of the paths. */
  | { readonly absent: true }
  /** The socket is not for this user. */
  | { readonly denied: string };

/** Asks the agent that listens at one of `paths`. Never rejects: an agent that doesn't answer within `timeoutMs` is an error. */
export async function ask(paths: readonly string[], request: Request, timeoutMs: number): Promise<Asked> {
  let denied: Asked | undefined;
  for (const path of paths) {
    const reply = await askAt(path, request, timeoutMs);
    if (typeof reply === 'object') return reply;
    if (reply === 'EACCES' || reply === 'EPERM') denied ??= { denied: path };
    else if (reply !== 'ENOENT' && reply !== 'ECONNREFUSED' && reply !== 'ENOTDIR')
      return { error: `${path}: ${reply}` };
  }
  return denied ?? { absent: true };
}

/** The reply, or the code of the error that kept from connecting. */
function askAt(path: string, request: Request, timeoutMs: number): Promise<Reply | string> {
  const { promise, resolve } = Promise.withResolvers<Reply | string>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let connected = false;
  const socket = connect(path, () => {
    connected = true;
    socket.write(`${JSON.stringify({ request })}\n`);
  });
  const timer = setTimeout(
    () => resolve({ error: `the agent did not answer within ${timeoutMs / 1000} s` }),
    timeoutMs,
  );
  socket.on('data', (data: Buffer) => {
    bytes += data.length;
    if (bytes > ANSWER_MAX_BYTES) resolve({ error: `the answer has more than ${ANSWER_MAX_BYTES} bytes` });
    else chunks.push(data);
  });
  socket.on('error', error => {
    const code = (error as NodeJS.ErrnoException).code ?? error.message;
    resolve(connected ? { error: `the agent went away: ${code}` } : code);
  });
  socket.on('close', () => {
    const reply = parseReply(Buffer.concat(chunks).toString());
    resolve(reply ?? { error: 'the agent closed the connection without an answer: is it busy, or ending?' });
  });
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

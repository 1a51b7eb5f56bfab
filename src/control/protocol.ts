// What is said on the control socket: one line of JSON each way, then the agent closes. Pure.
//   {"request":"status"}  →  {"answer":…}  or  {"error":"…"}

export const REQUESTS = ['reload', 'status', 'rules'] as const;
export type Request = (typeof REQUESTS)[number];

export const REQUEST_MAX_BYTES = 1_024;
/** Rows of all the rules that can be loaded, and some. */
export const ANSWER_MAX_BYTES = 64 * 1024 * 1024;

export type Reply = { readonly answer: unknown } | { readonly error: string };

/** The request that `line` is, or what is wrong with it. */
export function parseRequest(line: string): Request | { readonly error: string } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { error: 'the request is not JSON' };
  }
  const wanted = typeof value === 'object' && value !== null && 'request' in value ? value.request : undefined;
  const request = REQUESTS.find(name => name === wanted);
  return request ?? { error: `unknown request: one of ${REQUESTS.join(', ')} is expected` };
}

/** Undefined where it isn't a reply. */
export function parseReply(line: string): Reply | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return undefined;
    if ('answer' in value) return { answer: value.answer };
    if ('error' in value && typeof value.error === 'string') return { error: value.error };
  } catch {
    // Below.
  }
  return undefined;
}

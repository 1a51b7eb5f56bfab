// A plain HTTP/1 request by its first packet: what is asked of whom. Pure; bounded by the packet.

export interface HttpRequest {
  readonly method: string;
  /** Of the Host header or an absolute target, without the port; lower case. Absent where it isn't a plausible one. */
  readonly host?: string;
}

/** RFC 9110's methods and WebDAV's: other words before a space are other protocols. */
const METHODS = new Set(
  `GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT SEARCH MKCALENDAR
   MERGE CHECKOUT NOTIFY SUBSCRIBE UNSUBSCRIBE M-SEARCH`.split(/\s+/),
);
const METHOD_MAX = 16;
const HEAD_MAX = 8_192;
const HOST = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::\d*)?$/i;

/** Undefined where the bytes don't begin with a request. */
export function parseHttpRequest(bytes: Buffer, start: number, end: number): HttpRequest | undefined {
  const space = bytes.subarray(start, Math.min(end, start + METHOD_MAX)).indexOf(0x20);
  if (space < 3) return undefined;
  const method = bytes.latin1Slice(start, start + space);
  if (!METHODS.has(method)) return undefined;
  const lines = bytes.latin1Slice(start + space + 1, Math.min(end, start + HEAD_MAX)).split('\n');
  const target = lines[0]!.trimEnd().split(' ')[0]!;
  const host = hostOf(
    method === 'CONNECT' ? target : (/^[a-z]+:\/\/([^/?#]*)/i.exec(target)?.[1] ?? hostHeader(lines)),
  );
  return host === undefined ? { method } : { method, host };
}

/** Of the head alone; the line that the packet ends in may not be whole. */
function hostHeader(lines: readonly string[]): string | undefined {
  for (const line of lines.slice(1, -1)) {
    if (line === '' || line === '\r') return undefined;
    if (/^host:/i.test(line)) return line.slice(5).trim();
  }
  return undefined;
}

function hostOf(authority: string | undefined): string | undefined {
  const match = authority === undefined || authority.length > 300 ? null : HOST.exec(authority);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

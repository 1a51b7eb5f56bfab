// What the first data of a connection shows by itself: TLS's ClientHello or a plain HTTP request. Pure.

import { safeText } from '../core/text.ts';
import { type HttpRequest, parseHttpRequest } from './http-request.ts';
import { parseClientHello } from './tls/client-hello.ts';
import { ja4 } from './tls/ja4.ts';

export interface TlsSight {
  readonly serverName?: string;
  /** The protocols that the client offers, in its order. */
  readonly alpn?: readonly string[];
  /** Absent where the capture cuts the hello. */
  readonly ja4?: string;
}

export type Sight = { readonly tls: TlsSight } | { readonly http: HttpRequest };

/** Of the payload at `start` to `end`; undefined where it's neither. */
export function sightOf(bytes: Buffer, start: number, end: number): Sight | undefined {
  const hello = parseClientHello(bytes, start, end);
  if (hello === undefined) {
    const http = parseHttpRequest(bytes, start, end);
    return http === undefined ? undefined : { http };
  }
  const fingerprint = ja4(hello);
  return {
    tls: {
      ...(hello.serverName === undefined ? {} : { serverName: hello.serverName }),
      ...(hello.alpn.length === 0 ? {} : { alpn: hello.alpn.map(id => safeText(id)) }),
      ...(fingerprint === undefined ? {} : { ja4: fingerprint }),
    },
  };
}

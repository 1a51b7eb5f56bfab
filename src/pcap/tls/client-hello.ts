// TLS's ClientHello (RFC 8446) as far as it tells who is asked for, and with what. Pure; the bytes are a client's, so lengths lie.

/** RFC 8701: values that mean nothing, to keep servers tolerant. */
export const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);

export interface ClientHello {
  /** The handshake's own version; since TLS 1.3 the true ones are in `versions`. */
  readonly version: number;
  readonly ciphers: readonly number[];
  /** In the order of the message. */
  readonly extensions: readonly number[];
  readonly hasServerName: boolean;
  /** Absent where it isn't a plausible host name. */
  readonly serverName?: string;
  readonly alpn: readonly Buffer[];
  readonly versions: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  /** False where the message goes on behind the captured bytes: then a name that was found holds, and all that is counted doesn't. */
  readonly isComplete: boolean;
}

const EXTENSION = { serverName: 0, signatureAlgorithms: 13, alpn: 16, supportedVersions: 43 } as const;
const HOST_NAME = /^[\w.-]{1,255}$/;
/** The message may come in several records. */
const RECORDS_MAX = 8;

/** Undefined where the bytes don't begin with a ClientHello. */
export function parseClientHello(bytes: Buffer, start: number, end: number): ClientHello | undefined {
  // Handshake record of SSL 3.0 to TLS 1.3; handshake type 1.
  if (end - start < 11 || bytes[start] !== 0x16 || bytes[start + 1] !== 3 || bytes[start + 5] !== 1) return undefined;
  const message = handshakeBytes(bytes, start, end);
  const length = message.readUIntBE(1, 3);
  const reader = new Reader(message, 4, Math.min(message.length, 4 + length));
  const version = reader.u16();
  reader.skip(32);
  reader.skip(reader.u8());
  const ciphers = reader.list16(reader.u16());
  reader.skip(reader.u8());
  if (ciphers.length === 0) return undefined;
  const found = {
    extensions: [] as number[],
    alpn: [] as Buffer[],
    versions: [] as number[],
    algorithms: [] as number[],
  };
  let hasServerName = false;
  let serverName: string | undefined;
  const extensionsEnd = reader.isAtEnd ? reader.at : reader.at + 2 + reader.u16();
  while (!reader.isShort && reader.at < Math.min(extensionsEnd, reader.end)) {
    const type = reader.u16();
    const size = reader.u16();
    if (reader.isShort) break;
    found.extensions.push(type);
    const body = reader.part(size);
    if (type === EXTENSION.serverName) {
      hasServerName = true;
      serverName ??= hostName(body);
    } else if (type === EXTENSION.signatureAlgorithms) found.algorithms = body.list16(body.u16());
    else if (type === EXTENSION.supportedVersions) found.versions = body.list16(body.u8());
    else if (type === EXTENSION.alpn) found.alpn = protocols(body);
  }
  return {
    version,
    ciphers,
    extensions: found.extensions,
    hasServerName,
    ...(serverName === undefined ? {} : { serverName }),
    alpn: found.alpn,
    versions: found.versions,
    signatureAlgorithms: found.algorithms,
    isComplete: !reader.isShort && message.length >= 4 + length && reader.at >= extensionsEnd,
  };
}

/** The handshake message without its records' headers. */
function handshakeBytes(bytes: Buffer, start: number, end: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = start; at + 5 <= end && bytes[at] === 0x16 && parts.length < RECORDS_MAX; ) {
    const next = at + 5 + bytes.readUInt16BE(at + 3);
    parts.push(bytes.subarray(at + 5, Math.min(next, end)));
    at = next;
  }
  const message = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  return message.length >= 4 ? message : Buffer.concat([message, Buffer.alloc(4)]);
}

function hostName(body: Reader): string | undefined {
  body.u16();
  if (body.u8() !== 0) return undefined;
  const length = body.u16();
  if (body.isShort || body.at + length > body.end) return undefined;
  const name = body.bytes.latin1Slice(body.at, body.at + length);
  return HOST_NAME.test(name) ? name : undefined;
}

function protocols(body: Reader): Buffer[] {
  const list: Buffer[] = [];
  body.u16();
  while (!body.isAtEnd && !body.isShort) {
    const length = body.u8();
    if (body.at + length > body.end) break;
    list.push(body.bytes.subarray(body.at, body.at + length));
    body.skip(length);
  }
  return list;
}

class Reader {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;
  /** More was asked for than there is. */
  isShort = false;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    return this.#has(1) ? this.bytes[this.at++]! : 0;
  }

  u16(): number {
    if (!this.#has(2)) return 0;
    this.at += 2;
    return this.bytes.readUInt16BE(this.at - 2);
  }

  skip(length: number): void {
    if (this.#has(length)) this.at += length;
  }

  /** As many 16-bit numbers as fit into `length` bytes, and are there. */
  list16(length: number): number[] {
    const list: number[] = [];
    for (let i = 0; i + 2 <= length && !this.isShort; i += 2) {
      const value = this.u16();
      if (!this.isShort) list.push(value);
    }
    return list;
  }

  /** The next `length` bytes as a reader of their own, which may be short. */
  part(length: number): Reader {
    const from = this.at;
    this.skip(length);
    return new Reader(this.bytes, from, this.isShort ? this.end : this.at);
  }

  #has(length: number): boolean {
    if (!this.isShort && this.at + length <= this.end) return true;
    this.isShort = true;
    return false;
  }
}

// The two ends of a flow as one compact key, the same for packets in both directions. Pure.

import { addressText } from '../core/address.ts';
import { communityId } from './community-id.ts';
import { type Decoded, PROTOCOL } from './decoded.ts';

export interface FlowEnd {
  readonly ip: string;
  /** Absent for ICMP. */
  readonly port?: number;
}

/** What of a packet says where it goes. */
type Addressed = Pick<
  Decoded,
  'protocol' | 'bytes' | 'sourceAt' | 'destinationAt' | 'addressLength' | 'sourcePort' | 'destinationPort'
>;

const scratch = Buffer.alloc(1 + 2 * 18);

/** Both ends of a packet: `key` holds the lower one first, `sourceFirst` says whether that's the sender's. */
export class Ends {
  readonly key: string;
  readonly sourceFirst: boolean;

  constructor(key: string, sourceFirst: boolean) {
    this.key = key;
    this.sourceFirst = sourceFirst;
  }

  static of(packet: Addressed): Ends {
    const { bytes, sourceAt, destinationAt, addressLength: length, sourcePort, destinationPort } = packet;
    let order = 0;
    for (let i = 0; i < length && order === 0; i++) order = bytes[sourceAt + i]! - bytes[destinationAt + i]!;
    if (order === 0) order = sourcePort - destinationPort;
    const sourceFirst = order <= 0;
    scratch[0] = packet.protocol;
    const at = writeEnd(
      bytes,
      sourceFirst ? sourceAt : destinationAt,
      length,
      sourceFirst ? sourcePort : destinationPort,
      1,
    );
    const end = writeEnd(
      bytes,
      sourceFirst ? destinationAt : sourceAt,
      length,
      sourceFirst ? destinationPort : sourcePort,
      at,
    );
    return new Ends(scratch.latin1Slice(0, end), sourceFirst);
  }

  /** The same ends, told by the other one. */
  reversed(): Ends {
    return new Ends(this.key, !this.sourceFirst);
  }

  get protocol(): number {
    return this.key.charCodeAt(0);
  }

  get family(): 4 | 6 {
    return this.#addressLength === 4 ? 4 : 6;
  }

  get source(): FlowEnd {
    return this.#end(this.sourceFirst);
  }

  get destination(): FlowEnd {
    return this.#end(!this.sourceFirst);
  }

  /** Address bytes as one latin1 string: what address sets have. */
  get sourceKey(): string {
    return this.#addressKey(this.sourceFirst);
  }

  get destinationKey(): string {
    return this.#addressKey(!this.sourceFirst);
  }

  /** `type` and `code` are ICMP's. */
  communityId(type = 0, code = 0): string {
    const isIcmp = this.#isIcmp;
    const [source, destination] = [this.sourceKey, this.destinationKey].map(key => Buffer.from(key, 'latin1'));
    const sourcePort = isIcmp ? type : this.#port(this.sourceFirst);
    const destinationPort = isIcmp ? code : this.#port(!this.sourceFirst);
    return communityId(this.protocol, source!, destination!, sourcePort, destinationPort);
  }

  /** One end of both is the same: what address translation leaves of a connection. ICMP's identifier is translated too. */
  sharesEnd(other: Ends): boolean {
    if (this.#isIcmp) return this.sourceKey === other.sourceKey || this.destinationKey === other.destinationKey;
    return (
      this.#raw(this.sourceFirst) === other.#raw(other.sourceFirst) ||
      this.#raw(!this.sourceFirst) === other.#raw(!other.sourceFirst)
    );
  }

  get #addressLength(): 4 | 16 {
    return this.key.length === 13 ? 4 : 16;
  }

  get #isIcmp(): boolean {
    return this.protocol === PROTOCOL.icmp || this.protocol === PROTOCOL.icmpv6;
  }

  #raw(isFirst: boolean): string {
    const length = this.#addressLength + 2;
    return isFirst ? this.key.slice(1, 1 + length) : this.key.slice(1 + length);
  }

  #addressKey(isFirst: boolean): string {
    return this.#raw(isFirst).slice(0, -2);
  }

  #port(isFirst: boolean): number {
    const end = isFirst ? 1 + this.#addressLength + 2 : this.key.length;
    return (this.key.charCodeAt(end - 2) << 8) | this.key.charCodeAt(end - 1);
  }

  #end(isFirst: boolean): FlowEnd {
    const ip = addressText(Buffer.from(this.#addressKey(isFirst), 'latin1'), 0, this.#addressLength);
    return this.#isIcmp ? { ip } : { ip, port: this.#port(isFirst) };
  }
}

function writeEnd(bytes: Buffer, addressAt: number, length: number, port: number, at: number): number {
  for (let i = 0; i < length; i++) scratch[at + i] = bytes[addressAt + i]!;
  scratch[at + length] = port >> 8;
  scratch[at + length + 1] = port & 0xff;
  return at + length + 2;
}

// JA4 (FoxIO): a fingerprint of a TLS client by what its ClientHello offers, whatever the order. Pure.

import { type ClientHello, isGrease } from './client-hello.ts';

const VERSIONS = new Map([
  [0x0304, '13'],
  [0x0303, '12'],
  [0x0302, '11'],
  [0x0301, '10'],
  [0x0300, 's3'],
  [0x0002, 's2'],
]);
const SERVER_NAME = 0;
const ALPN = 16;

/** Of a hello over TCP; undefined where not all of it was captured. */
export function ja4(hello: ClientHello): string | undefined {
  if (!hello.isComplete) return undefined;
  const ciphers = meant(hello.ciphers);
  const extensions = meant(hello.extensions);
  const version = Math.max(0, ...meant(hello.versions)) || hello.version;
  const head = [
    't',
    VERSIONS.get(version) ?? '00',
    hello.hasServerName ? 'd' : 'i',
    count(ciphers),
    count(extensions),
    firstAndLast(hello.alpn[0]),
  ].join('');
  const offered = sortedHex(extensions.filter(type => type !== SERVER_NAME && type !== ALPN));
  const algorithms = meant(hello.signatureAlgorithms).map(hex).join(',');
  const tail = offered === '' ? '' : algorithms === '' ? offered : `${offered}_${algorithms}`;
  return `${head}_${digest(sortedHex(ciphers))}_${digest(tail)}`;
}

const meant = (values: readonly number[]): number[] => values.filter(value => !isGrease(value));
const hex = (value: number): string => value.toString(16).padStart(4, '0');
const count = (values: readonly number[]): string => String(Math.min(99, values.length)).padStart(2, '0');
const sortedHex = (values: readonly number[]): string => values.map(hex).sort().join(',');
const digest = (text: string): string =>
  text === '' ? '000000000000' : Bun.CryptoHasher.hash('sha256', text, 'hex').slice(0, 12);

/** Of the first protocol that is offered; where they aren't letters or digits, of its hex. */
function firstAndLast(protocol: Buffer | undefined): string {
  if (protocol === undefined || protocol.length === 0) return '00';
  const ends = `${String.fromCharCode(protocol[0]!)}${String.fromCharCode(protocol.at(-1)!)}`;
  if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends;
  const text = protocol.toString('hex');
  return `${text[0]}${text.at(-1)}`;
}

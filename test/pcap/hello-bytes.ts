// TLS's ClientHello made from its parts, for tests.

export const u16 = (value: number): number[] => [value >> 8, value & 0xff];
const hexes = (list: string): number[] => (list === '' ? [] : list.split(',').map(text => Number.parseInt(text, 16)));

export interface HelloParts {
  readonly ciphers?: string;
  readonly extensions?: string;
  readonly algorithms?: string;
  readonly versions?: string;
  readonly alpn?: Buffer;
  readonly server?: string;
}

/** The lists are hex numbers; extensions that have no content of their own here are empty. */
export function hello({
  ciphers = '1301',
  extensions = '',
  algorithms = '',
  versions = '0304',
  alpn = Buffer.from('h2'),
  server = 'example.com',
}: HelloParts): Buffer {
  const list16 = (values: string) => hexes(values).flatMap(u16);
  const bodies = new Map<number, number[]>([
    [0, [...u16(server.length + 3), 0, ...u16(server.length), ...Buffer.from(server, 'latin1')]],
    [13, [...u16(list16(algorithms).length), ...list16(algorithms)]],
    [16, [...u16(alpn.length + 1), alpn.length, ...alpn]],
    [43, [list16(versions).length, ...list16(versions)]],
  ]);
  const all = hexes(extensions).flatMap(type => {
    const body = bodies.get(type) ?? [];
    return [...u16(type), ...u16(body.length), ...body];
  });
  const suites = list16(ciphers);
  const body = [
    3,
    3,
    ...new Array<number>(32).fill(9),
    4,
    1,
    2,
    3,
    4,
    ...u16(suites.length),
    ...suites,
    1,
    0,
    ...u16(all.length),
    ...all,
  ];
  const message = [1, 0, ...u16(body.length), ...body];
  return Buffer.from([0x16, 3, 1, ...u16(message.length), ...message]);
}

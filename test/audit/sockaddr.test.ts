import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { decodeSockaddr, parseSaddr, type Sockaddr } from '../../src/audit/sockaddr.ts';

const v6 = (groups: string, port = '1F90', scope = '00000000'): string => `0A00${port}00000000${groups}${scope}`;

describe('socket addresses', () => {
  const cases: [string, string, Sockaddr][] = [
    // From the kernel.
    ['v4', '02000050A9FEA9FE0000000000000000', { family: 'inet', ip: '169.254.169.254', port: 80 }],
    ['netlink', '100000000000000000000000', { family: 'netlink', pid: 0, groups: 0 }],
    ['unspec', '00000000000000000000000000000000', { family: 'other', number: 0, name: 'unspec' }],
    [
      'unix with what lay behind it',
      '01002F7661722F72756E2F6E7363642F736F636B65740000603B7B47FC7F0000',
      { family: 'unix', path: '/var/run/nscd/socket' },
    ],
    // Made from the structures.
    ['v6', v6('20010DB8000000000000000000000001'), { family: 'inet6', ip: '2001:db8::1', port: 8080 }],
    ['v6 any', v6('0'.repeat(32)), { family: 'inet6', ip: '::', port: 8080 }],
    ['v6 loopback', v6(`${'0'.repeat(31)}1`), { family: 'inet6', ip: '::1', port: 8080 }],
    [
      'v6 link local',
      v6('FE800000000000000000000000000001', '0016', '02000000'),
      { family: 'inet6', ip: 'fe80::1', port: 22, scopeId: 2 },
    ],
    [
      'v4-mapped',
      v6('00000000000000000000FFFF7F000001'),
      { family: 'inet', ip: '127.0.0.1', port: 8080, mapped: true },
    ],
    [
      'v6 of the first form, without scope',
      v6('20010DB8000000000000000000000001', '0050', ''),
      { family: 'inet6', ip: '2001:db8::1', port: 80 },
    ],
    ['longer addrlen', `02000050A9FEA9FE${'41'.repeat(120)}`, { family: 'inet', ip: '169.254.169.254', port: 80 }],
    ['v4 cut in the address', '02000050A9FE', { family: 'inet', port: 80 }],
    ['v4 cut in the port', '020000', { family: 'inet' }],
    ['v6 cut', '0A00005000000000FE80', { family: 'inet6', port: 80 }],
    ['unix abstract', '0100002F746D702F2E5831312D756E69782F5830', { family: 'unix', path: '@/tmp/.X11-unix/X0' }],
    ['unix abstract, padded', '0100006162630000000000', { family: 'unix', path: '@abc' }],
    ['unix unnamed', '0100', { family: 'unix' }],
    ['unix all zeros', '010000000000', { family: 'unix' }],
    ['unix not UTF-8', '01002FFF', { family: 'unix', path: '/\\xff' }],
    ['packet', '110008060300000001000006FFFFFFFFFFFF0000', { family: 'packet', protocol: 0x806, ifindex: 3 }],
    ['vsock', '280000000004000002000000', { family: 'vsock', port: 1024, cid: 2 }],
    [
      'alg',
      `2600${Buffer.from('aead').toString('hex').padEnd(28, '0')}${'0'.repeat(16)}${Buffer.from('gcm(aes)').toString('hex')}00`,
      { family: 'alg', type: 'aead', name: 'gcm(aes)' },
    ],
    ['big-endian v4', '00020050A9FEA9FE0000000000000000', { family: 'inet', ip: '169.254.169.254', port: 80 }],
    ['no family of ours', 'FFFF0102', { family: 'other', number: 0xffff }],
    ['one byte', '02', { family: 'other' }],
    ['nothing', '', { family: 'other' }],
  ];
  for (const [name, hex, address] of cases) test(name, () => expect(parseSaddr(hex)).toEqual(address));

  test('what is no hex', () => {
    expect(parseSaddr('0200005')).toBeUndefined();
    expect(parseSaddr('{ saddr_fam=inet')).toBeUndefined();
  });

  test('RFC 5952', () => {
    const text = (groups: string): unknown => (parseSaddr(v6(groups)) as { ip: string }).ip;
    expect(text('20010DB8000000010001000100010001')).toBe('2001:db8:0:1:1:1:1:1');
    expect(text('20010DB8000000000001000000000001')).toBe('2001:db8::1:0:0:1');
    expect(text('20010000000000010000000000000001')).toBe('2001:0:0:1::1');
    expect(text('20010DB8AAAABBBBCCCCDDDDEEEE0000')).toBe('2001:db8:aaaa:bbbb:cccc:dddd:eeee:0');
    expect(text('00010000000000000000000000000000')).toBe('1::');
    expect(text('00000000000000000000000001020304')).toBe('::102:304');
  });
});

describe('laws', () => {
  test('never throws, and an address is one that the bytes hold', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 140 }), fc.nat(140), (bytes, length) => {
        const address = decodeSockaddr(Buffer.from(bytes), Math.min(length, bytes.length));
        if ('ip' in address && address.family === 'inet') expect(address.ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      }),
      { numRuns: 2000 },
    );
  });

  test('known families never throw', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2, 10, 16, 17, 38, 40), fc.uint8Array({ maxLength: 130 }), (family, rest) => {
        decodeSockaddr(Buffer.from([family, 0, ...rest]));
        decodeSockaddr(Buffer.from([0, family, ...rest]));
      }),
      { numRuns: 2000 },
    );
  });

  test('v6 text stands for the same bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 }), groups => {
        const hex = groups.map(group => group.toString(16).padStart(4, '0')).join('');
        const address = parseSaddr(v6(hex));
        if (address?.family !== 'inet6') return;
        const ip = address.ip!;
        const [head, tail] = ip.split('::');
        const parts = (text: string | undefined): number[] =>
          text ? text.split(':').map(part => Number.parseInt(part, 16)) : [];
        const [before, after] = [parts(head), parts(tail)];
        const zeros = new Array<number>(8 - before.length - after.length).fill(0);
        expect([...before, ...zeros, ...after]).toEqual(groups);
        expect(new URL(`http://[${ip}]/`).hostname).toBe(`[${ip}]`);
      }),
      { numRuns: 1000 },
    );
  });

  test('any hex', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789ABCDEFabcdef{ ') }), text => void parseSaddr(text)),
      { numRuns: 1000 },
    );
  });
});

import { describe, expect, test } from 'bun:test';
import { connect, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { parseHttpRequest } from '../../src/pcap/http-request.ts';
import { type ClientHello, isGrease, parseClientHello } from '../../src/pcap/tls/client-hello.ts';
import { ja4 } from '../../src/pcap/tls/ja4.ts';
import { type HelloParts, hello, u16 } from './hello-bytes.ts';

const parse = (bytes: Buffer): ClientHello | undefined => parseClientHello(bytes, 0, bytes.length);
const ja4Of = (parts: HelloParts): string | undefined => ja4(parse(hello(parts))!);

// The specification's example, with the values of GREASE that it leaves out.
const EXAMPLE: HelloParts = {
  ciphers: '5a5a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035',
  extensions: '0a0a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,fafa',
  algorithms: '0403,0804,0401,0503,0805,0501,0806,0601',
  versions: '7a7a,0304,0303',
};

describe('JA4', () => {
  test('the example of its specification', () => {
    expect(ja4Of(EXAMPLE)).toBe('t13d1516h2_8daaf6152771_e5627efa2ab1');
    expect(ja4Of({ ...EXAMPLE, algorithms: '' })).toBe('t13d1516h2_8daaf6152771_6d807ffa2a79');
  });

  test.each<[string, string]>([
    ['', '00'],
    ['ab', 'ab'],
    ['abcd', 'ad'],
    ['30ab', '3b'],
    ['3031abcd', '3d'],
    ['30abcd31', '01'],
    ['68', 'hh'],
    ['687474702f312e31', 'h1'],
  ])('ALPN %s is %s', (bytes, ends) => {
    expect(ja4Of({ extensions: '0010', alpn: Buffer.from(bytes, 'hex') })!.slice(8, 10)).toBe(ends);
  });

  test('versions, no name, nothing to count', () => {
    expect(ja4Of({})).toMatch(/^t12i010000_[0-9a-f]{12}_000000000000$/);
    expect(ja4Of({ extensions: '002b', versions: '0302,0301' })).toStartWith('t11i0101');
    expect(ja4Of({ extensions: '002b', versions: '7f1c' })).toStartWith('t00i');
    expect(ja4Of({ ciphers: 'caca', extensions: '0000' })).toBe('t12d000100_000000000000_000000000000');
  });
});

describe('ClientHello', () => {
  test('of the runtime at hand', async () => {
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    const server = createServer(socket => socket.once('data', data => resolve(Buffer.from(data))));
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const socket = connect(port, '127.0.0.1');
    const client = connectTls({ socket, servername: 'www.example.org', ALPNProtocols: ['http/1.1'] });
    client.on('error', () => {});
    const bytes = await promise;
    client.destroy();
    server.close();
    const got = parse(bytes)!;
    expect([got.serverName, got.alpn.map(String), got.isComplete]).toEqual(['www.example.org', ['http/1.1'], true]);
    expect(ja4(got)).toMatch(/^t13d\d\d\d\dh1_[0-9a-f]{12}_[0-9a-f]{12}$/);
  });

  test('cut by the capture it still has the name, but no fingerprint', () => {
    const bytes = hello({ ...EXAMPLE, extensions: `0000,${EXAMPLE.extensions!.replace(',0000', '')}` });
    const got = parseClientHello(bytes, 0, 130)!;
    expect([got.serverName, got.isComplete, ja4(got)]).toEqual(['example.com', false, undefined]);
    expect(parseClientHello(bytes, 0, 60)?.serverName).toBeUndefined();
  });

  test('over several records', () => {
    const bytes = hello(EXAMPLE);
    const [head, tail] = [bytes.subarray(5, 60), bytes.subarray(60)];
    const split = Buffer.concat([
      Buffer.from([0x16, 3, 1, ...u16(head.length)]),
      head,
      Buffer.from([0x16, 3, 1, ...u16(tail.length)]),
      tail,
    ]);
    expect(ja4(parse(split)!)).toBe(ja4Of(EXAMPLE)!);
  });

  test('a name that is none is left out; other records are no hello', () => {
    const got = parse(hello({ extensions: '0000', server: 'a b\n' }))!;
    expect([got.hasServerName, got.serverName]).toEqual([true, undefined]);
    expect(parse(Buffer.from('1603010000', 'hex'))).toBeUndefined();
    expect(parse(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toBeUndefined();
    expect([0x0a0a, 0xfafa, 0x0a1a, 0x1301].map(isGrease)).toEqual([true, true, false, false]);
  });

  test('whatever the bytes are, nothing is thrown', () => {
    const base = hello(EXAMPLE);
    const change = fc.record({ at: fc.nat(base.length), value: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(base.length), (changes, length) => {
        const bytes = Buffer.from(base);
        for (const { at, value } of changes) if (at < bytes.length) bytes[at] = value;
        const got = parseClientHello(bytes, 0, length);
        const text = got === undefined ? undefined : ja4(got);
        return text === undefined || /^t..[di]\d{4}.._[0-9a-f]{12}_[0-9a-f]{12}$/.test(text);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('HTTP', () => {
  test.each<[string, string, string | undefined]>([
    ['GET /a HTTP/1.1\r\nUser-Agent: x\r\nhOST:  Example.com:8080 \r\n\r\n', 'GET', 'example.com'],
    ['POST /a HTTP/1.1\nHost: [2001:DB8::1]:80\n\n', 'POST', '2001:db8::1'],
    ['GET http://evil.example/x HTTP/1.1\r\nHost: good.example\r\n\r\n', 'GET', 'evil.example'],
    ['CONNECT example.com:443 HTTP/1.1\r\n\r\n', 'CONNECT', 'example.com'],
    ['GET / HTTP/1.0\r\n\r\nHost: body.example\r\n', 'GET', undefined],
    ['GET / HTTP/1.1\r\nHost: cut.exam', 'GET', undefined],
    ['GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 'GET', undefined],
  ])('%j', (text, method, host) => {
    const bytes = Buffer.from(text);
    expect(parseHttpRequest(bytes, 0, bytes.length)).toEqual(host === undefined ? { method } : { method, host });
  });

  test('anything else is none', () => {
    for (const text of [
      '',
      'GET',
      'get / HTTP/1.1\r\n',
      'SSH-2.0-OpenSSH x',
      '\x16\x03\x01 ',
      'HELO example.com\r\n',
    ]) {
      const bytes = Buffer.from(text, 'latin1');
      expect(parseHttpRequest(bytes, 0, bytes.length)).toBeUndefined();
    }
  });
});

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { addressBytes } from '../../src/core/address.ts';
import { type DnsMessage, type DnsProtocol, dnsProtocol, parseDns } from '../../src/pcap/dns/message.ts';
import { type MessageParts, message, name, question, record, TYPE } from './dns-bytes.ts';

const parse = (parts: MessageParts, protocol: DnsProtocol = 'dns'): DnsMessage | undefined => {
  const bytes = message(parts);
  // Not at the buffer's start, and with more behind it.
  return parseDns(Buffer.concat([Buffer.alloc(3, 7), bytes, Buffer.alloc(3, 7)]), 3, 3 + bytes.length, protocol);
};
const v4 = (text: string): number[] => [...addressBytes(text)!];

describe('messages', () => {
  test('a query as dig sends it', () => {
    const bytes = Buffer.from(
      'd8cb01200001000000000001076578616d706c6503636f6d00001c00010000291000000000000000',
      'hex',
    );
    expect(parseDns(bytes, 0, bytes.length, 'dns')).toEqual({
      id: 0xd8cb,
      isResponse: false,
      opCode: 'QUERY',
      flags: ['RD', 'AD'],
      questions: [{ name: 'example.com', type: 'AAAA', class: 'IN' }],
      answers: [],
      answersCount: 0,
      isCut: false,
    });
  });

  test('an answer through CNAMEs, compressed', () => {
    const got = parse({
      questions: [question('www.example.com')],
      answers: [
        record(TYPE.CNAME, name('edge', 0x10), 60),
        record(TYPE.A, v4('192.0.2.7'), 30, [0xc0, 0x2d]),
        record(TYPE.AAAA, v4('2001:db8::7'), 30, name('edge', 0x10)),
      ],
    })!;
    expect(got.responseCode).toBe('NOERROR');
    expect(got.answers.map(a => `${a.name} ${a.type} ${a.class} ${a.ttl} ${a.data}`)).toEqual([
      'www.example.com CNAME IN 60 edge.example.com',
      'edge.example.com A IN 30 192.0.2.7',
      'edge.example.com AAAA IN 30 2001:db8::7',
    ]);
  });

  test.each<[string, number, number[], string | undefined]>([
    ['MX', TYPE.MX, [0, 10, ...name('mx', 12)], '10 mx.example.com'],
    ['SRV', TYPE.SRV, [0, 1, 0, 2, 0x14, 0x66, ...name('sip.example.com')], '1 2 5222 sip.example.com'],
    ['PTR', TYPE.PTR, name('host.example.com'), 'host.example.com'],
    ['TXT', TYPE.TXT, [3, 97, 32, 98, 4, 99, 46, 92, 0], 'a bc.\\092\\000'],
    [
      'a port, RFC 9460',
      TYPE.SVCB,
      [0, 16, ...name('foo.example.com'), 0, 3, 0, 2, 0, 53],
      '16 foo.example.com port=53',
    ],
    ['an alias, RFC 9460', TYPE.HTTPS, [0, 0, ...name('foo.example.com')], '0 foo.example.com'],
    [
      'a key without a name, RFC 9460',
      TYPE.SVCB,
      [0, 1, ...name('foo.example.com'), 0x02, 0x9b, 0, 5, ...Buffer.from('hello')],
      '1 foo.example.com key667',
    ],
    [
      'IPv6 hints, RFC 9460',
      TYPE.SVCB,
      [0, 1, ...name('foo.example.com'), 0, 6, 0, 32, ...v4('2001:db8::1'), ...v4('2001:db8::53:1')],
      '1 foo.example.com ipv6hint=2001:db8::1,2001:db8::53:1',
    ],
    [
      'protocols with a comma and a backslash, RFC 9460',
      TYPE.SVCB,
      [0, 16, ...name('foo.example.org'), 0, 1, 0, 12, 8, ...Buffer.from('f\\oo,bar'), 2, ...Buffer.from('h2')],
      '16 foo.example.org alpn=f\\092oo\\044bar,h2',
    ],
    ['an address of the wrong length', TYPE.A, [1, 2, 3], undefined],
    ['a type that is not told apart', 48, [1, 2, 3], undefined],
  ])('data: %s', (_, type, data, text) => {
    const answers = [record(type, data), record(TYPE.A, v4('192.0.2.1'))];
    const got = parse({ questions: [question('example.com')], answers })!;
    expect(got.answers[0]!.data).toBe(text);
    expect(got.answers[1]!.data).toBe('192.0.2.1');
  });

  test('codes: of the header, of EDNS, without a name', () => {
    const questions = [question('example.com')];
    expect(parse({ questions, flags: 0x8183 })!.responseCode).toBe('NXDOMAIN');
    const opt = record(TYPE.OPT, [], 0x01000000, [0], 4096);
    expect(parse({ questions, flags: 0x8180, additional: [opt] })!.responseCode).toBe('BADVERS');
    expect(parse({ questions, flags: 0x818e })!.responseCode).toBe('RCODE14');
    expect(parse({ questions: [question('example.com', 777, 9)] })!.questions[0]).toEqual({
      name: 'example.com',
      type: 'TYPE777',
      class: 'CLASS9',
    });
  });

  test('multicast: no question, the class without its flag', () => {
    const answers = [record(TYPE.A, v4('192.0.2.9'), 120, name('printer.local'), 0x8001)];
    expect(parse({ answers }, 'mdns')!.answers[0]).toMatchObject({ name: 'printer.local', class: 'IN' });
    expect([dnsProtocol(5353, 5353), dnsProtocol(40_000, 5355), dnsProtocol(53, 40_000), dnsProtocol(80, 81)]).toEqual([
      'mdns',
      'llmnr',
      'dns',
      undefined,
    ]);
  });
});

describe('names', () => {
  const nameOf = (bytes: number[]): string | undefined =>
    parse({ questions: [[...bytes, 0, 1, 0, 1]] })?.questions[0]?.name;

  test('each has one text', () => {
    expect(nameOf([0])).toBe('.');
    expect(nameOf([3, 97, 46, 98, 1, 99, 0])).toBe('a\\046b.c');
    expect(nameOf([1, 97, 1, 98, 1, 99, 0])).toBe('a.b.c');
    expect(nameOf([5, 92, 48, 52, 54, 10, 0])).toBe('\\092046\\010');
    expect(nameOf([4, 0xc3, 0xa4, 32, 0x7f, 0])).toBe('\\195\\164\\032\\127');
    expect(nameOf(name('XN--Mnchen-3ya.de'))).toBe('XN--Mnchen-3ya.de');
  });

  test('255 octets are a name, more are none', () => {
    const long = (last: number) => [...[63, 63, 63, last].flatMap(n => [n, ...new Array<number>(n).fill(97)]), 0];
    expect(nameOf(long(61))).toHaveLength(253);
    expect(nameOf(long(62))).toBeUndefined();
    expect(nameOf([0x40, 0])).toBeUndefined();
  });

  test('no pointer leads forward, to itself, or around', () => {
    for (const bytes of [
      [0xc0, 12],
      [0xc0, 14],
      [1, 97, 0xc0, 12],
      [0xc0, 0xff],
      [0xff, 0xff],
    ])
      expect(nameOf(bytes)).toBeUndefined();
    // The second points at the first, which points at the second.
    const around = parse({
      questions: [
        [0xc0, 18, 0, 1, 0, 1],
        [0xc0, 12, 0, 1, 0, 1],
      ],
      counts: [2, 0, 0, 0],
    });
    expect(around).toBeUndefined();
  });
});

describe('lies', () => {
  test('counts are believed as far as the bytes go', () => {
    const answers = [record(TYPE.A, v4('192.0.2.1'))];
    const got = parse({ questions: [question('a.example')], answers, counts: [1, 65_535, 65_535, 65_535] })!;
    expect([got.answers.length, got.answersCount, got.isCut]).toEqual([1, 65_535, true]);
    const many = parse({ questions: [question('a.example')], answers: new Array(300).fill(answers[0]) })!;
    expect([many.answers.length, many.isCut]).toEqual([128, true]);
  });

  test('pointers make no more names than are worth reading', () => {
    const long = Array.from({ length: 120 }, () => 'a').join('.');
    const answers = Array.from({ length: 128 }, () => record(TYPE.MX, [0, 1, 0xc0, 12]));
    const got = parse({ questions: [question(long)], answers })!;
    expect([got.answers.length < 30, got.isCut]).toEqual([true, true]);
  });

  test('a capture that ends within an answer keeps those before it', () => {
    const bytes = message({
      questions: [question('a.example')],
      answers: [1, 2].map(n => record(TYPE.A, v4(`192.0.2.${n}`))),
    });
    const got = parseDns(bytes, 0, bytes.length - 1, 'dns')!;
    expect([got.answers.length, got.isCut]).toEqual([1, true]);
    expect(parseDns(bytes, 0, 20, 'dns')).toBeUndefined();
    expect(parseDns(bytes, 0, 11, 'dns')).toBeUndefined();
  });

  const parts = fc.record({
    at: fc.nat(200),
    value: fc.oneof(fc.nat(255), fc.constantFrom(0xc0, 0xff, 0x3f, 12, 0)),
  });
  const base = message({
    questions: [question('www.example.com')],
    answers: [
      record(TYPE.CNAME, name('edge', 0x10)),
      record(TYPE.HTTPS, [0, 1, 0, 0, 1, 0, 3, 2, 104, 50, 0, 4, 0, 4, 1, 2, 3, 4]),
      record(TYPE.TXT, [3, 97, 98, 99]),
      record(TYPE.MX, [0, 1, 0xc0, 12]),
    ],
    additional: [record(TYPE.OPT, [], 0, [0], 4096)],
  });

  test('whatever the bytes are: no throw, and names that can be nothing else', () => {
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), fc.nat(200), (changes, length) => {
        const bytes = Buffer.from(base);
        for (const { at, value } of changes) if (at < bytes.length) bytes[at] = value;
        const got = parseDns(bytes, 0, Math.min(length, bytes.length), 'dns');
        const names = [...(got?.questions ?? []), ...(got?.answers ?? [])].map(entry => entry.name);
        return names.every(text => /^(?:\.|(?:[!-\-/-[\]-~]|\\\d{3})+(?:\.(?:[!-\-/-[\]-~]|\\\d{3})+)*)$/.test(text));
      }),
      { numRuns: 20_000 },
    );
  });
});

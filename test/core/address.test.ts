import { expect, test } from 'bun:test';
import { isIP } from 'node:net';
import fc from 'fast-check';
import { addressBytes, addressText } from '../../src/core/address.ts';

test.each<[string, string | undefined]>([
  ['192.0.2.1', '192.0.2.1'],
  ['::', '::'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['256.0.0.1', undefined],
  ['01.2.3.4', undefined],
  ['1.2.3', undefined],
  ['1::2::3', undefined],
  ['1:2:3:4:5:6:7', undefined],
  ['1:2:3:4:5:6:7:8:9', undefined],
  ['1:2:3:4::5:6:7:8', undefined],
  [':1:2:3:4:5:6:7:8', undefined],
  ['::1.2.3.4:5', undefined],
  ['::g', undefined],
  ['', undefined],
])('%s is %p', (text, same) => {
  const bytes = addressBytes(text);
  expect(bytes === undefined ? undefined : addressText(bytes, 0, bytes.length as 4 | 16)).toBe(same!);
});

test('text and bytes are the same address, whatever it is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), text => {
      const bytes = addressBytes(text)!;
      const again = addressText(bytes, 0, bytes.length as 4 | 16);
      expect(isIP(again)).toBe(bytes.length === 4 ? 4 : 6);
      expect(addressBytes(again)).toEqual(bytes);
    }),
  );
});

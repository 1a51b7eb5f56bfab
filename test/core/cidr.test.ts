import { expect, test } from 'bun:test';
import { addressBytes } from '../../src/core/address.ts';
import { NetworkSet, networkText, parseNetwork } from '../../src/core/cidr.ts';

test.each<[string, string | undefined]>([
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['10.1.2.3/9', '10.0.0.0/9'],
  ['10.255.2.3/9', '10.128.0.0/9'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['192.0.2.7', '192.0.2.7/32'],
  ['2001:DB8:ffff::1/33', '2001:db8:8000::/33'],
  ['::1', '::1/128'],
  ['::/0', '::/0'],
  ['::ffff:192.0.2.7/120', '192.0.2.0/24'],
  ['::ffff:192.0.2.7/95', undefined],
  ['10.0.0.0/33', undefined],
  ['10.0.0.0/', undefined],
  ['10.0.0.0/8/8', undefined],
  ['10.0.0.0/-1', undefined],
  ['fe80::%eth0/10', undefined],
  ['10.0.0', undefined],
  ['host', undefined],
  ['', undefined],
])('%s is %p', (text, same) => {
  const network = parseNetwork(text);
  expect(network === undefined ? undefined : networkText(network)).toBe(same!);
});

test('an address is in a set by any of its networks', () => {
  const set = new NetworkSet(
    ['10.0.0.0/8', '192.0.2.128/25', '192.0.2.7', 'fe80::/10'].map(text => parseNetwork(text)!),
  );
  const inside = ['10.255.255.255', '192.0.2.7', '192.0.2.128', '192.0.2.255', '::ffff:10.1.1.1', 'febf::1'];
  const outside = ['11.0.0.0', '9.255.255.255', '192.0.2.127', '192.0.2.8', 'fec0::1', 'a00::', '::'];
  for (const text of inside) expect([text, set.has(addressBytes(text)!)]).toEqual([text, true]);
  for (const text of outside) expect([text, set.has(addressBytes(text)!)]).toEqual([text, false]);
  expect(set.isEmpty).toBe(false);
  expect(new NetworkSet([]).isEmpty).toBe(true);
});

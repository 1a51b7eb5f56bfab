import { expect, test } from 'bun:test';
import { capabilityText } from '../../../src/fsnotify/inspect/capabilities.ts';

// What getcap of libcap 2.66 printed for these bytes; test/host/inspect.test.ts compares with the getcap that is there.
test('capabilities are printed as getcap does', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['0100000200200000000000000000000000000000', 'cap_net_raw=ep'],
    ['01000002ffffffff00000000ff01000000000000', '=ep'],
    ['01000002feffffff00000000ff01000000000000', '=ep cap_chown-ep'],
    ['0000000201000000020000000000000000000000', 'cap_dac_override=i cap_chown+p'],
    ['0100000203000000060000000000000000000000', 'cap_dac_override=eip cap_dac_read_search+ei cap_chown+ep'],
    ['0100000201000000000000000020000000000000', 'cap_chown=ep 45+ep'],
    ['0100000200000000000000000000008000000000', '= 63+ep'],
    ['0100000200000000000000000000000000000000', '='],
    ['0100000300200000000000000000000000000000e8030000', 'cap_net_raw=ep [rootid=1000]'],
    ['01000002002000000000000000000000', undefined],
    ['010000040020000000000000000000000000000000000000', undefined],
    ['', undefined],
  ];
  expect(cases.map(([hex]) => [hex, capabilityText(Buffer.from(hex, 'hex'))])).toEqual(cases.map(one => [...one]));
});

import { expect, test } from 'bun:test';
import { ttyName } from '../../src/core/tty.ts';

test('terminals as audit names them', () => {
  expect(ttyName(0)).toBeUndefined();
  expect(ttyName(34816)).toBe('pts0');
  expect(ttyName((136 << 8) | 0x2c | (1 << 20))).toBe('pts300');
  expect(ttyName(0x401)).toBe('tty1');
  expect(ttyName(0x440)).toBe('ttyS0');
  expect(ttyName(0x501)).toBe('console');
});

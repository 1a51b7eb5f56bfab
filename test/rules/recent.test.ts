import { describe, expect, test } from 'bun:test';
import { Recent } from '../../src/rules/recent.ts';

describe('Recent', () => {
  test('remembers what is asked for again', () => {
    const recent = new Recent<number>(10);
    recent.set('a', 1);
    for (let i = 0; i < 5_000; i++) {
      recent.set(`x${i}`, i);
      expect(recent.get('a')).toBe(1);
    }
  });
  test('forgets what is not, and stays bounded', () => {
    const recent = new Recent<number>(10);
    recent.set('a', 1);
    for (let i = 0; i < 5_000; i++) recent.set(`x${i}`, i);
    expect(recent.get('a')).toBeUndefined();
    let known = 0;
    for (let i = 0; i < 5_000; i++) if (recent.get(`x${i}`) !== undefined) known++;
    expect(known).toBeLessThanOrEqual(2_048);
    expect(known).toBeGreaterThan(0);
  });
  test('keeps no long texts', () => {
    const recent = new Recent<number>(10);
    recent.set('12345678901', 1);
    expect(recent.get('12345678901')).toBeUndefined();
  });
});

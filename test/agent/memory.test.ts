import { describe, expect, test } from 'bun:test';
import { Memory } from '../../src/memory.ts';

const MIB = 1024 * 1024;

function withMemory(sizes: number[]) {
  let collections = 0;
  const memory = new Memory(
    8_000,
    () => sizes.shift()! * MIB,
    () => {
      collections++;
    },
  );
  return { memory, collections: () => collections };
}

describe('Memory', () => {
  test('a small agent is left alone', () => {
    const { memory, collections } = withMemory([50, 95]);
    expect(memory.tick(0)).toBe(50 * MIB);
    expect(memory.tick(10_000)).toBe(95 * MIB);
    expect(collections()).toBe(0);
  });
  test('one that has grown is collected, and its size afterwards told', () => {
    const { memory, collections } = withMemory([130, 80]);
    expect(memory.tick(0)).toBe(80 * MIB);
    expect(collections()).toBe(1);
  });
  test('no more often than every few seconds', () => {
    const { memory, collections } = withMemory([130, 80, 130, 130, 80]);
    memory.tick(0);
    memory.tick(1_000);
    expect(collections()).toBe(1);
    memory.tick(8_000);
    expect(collections()).toBe(2);
  });
  test('one that is large because it needs it is not collected for nothing', () => {
    const { memory, collections } = withMemory([200, 200, 220, 240, 210]);
    memory.tick(0);
    memory.tick(10_000);
    expect(collections()).toBe(1);
    memory.tick(20_000);
    expect(collections()).toBe(2);
  });
});

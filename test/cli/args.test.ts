import { describe, expect, test } from 'bun:test';
import { readArguments, UsageError } from '../../src/cli/args.ts';

const SETTINGS = ['rules', 'output', 'events', 'audit-mode', 'source', 'min-level'];
const read = (...argv: string[]) => readArguments(argv, {}, SETTINGS);
const complaint = (...argv: string[]): string => {
  try {
    read(...argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('accepted');
};

describe('readArguments', () => {
  test('flags become settings in the shape of the configuration', () => {
    expect(read('--rules', 'a', '--rules=b', '--events', '--audit-mode', 'own', '--min-level=low').settings).toEqual({
      rules: ['a', 'b'],
      events: true,
      audit: { mode: 'own' },
      min_level: 'low',
    });
  });
  test('a path may hold a comma or a colon', () => {
    expect(read('--rules', 'a,b:c').settings).toEqual({ rules: ['a,b:c'] });
  });
  test('sources are a list', () =>
    expect(read('--source', 'audit,pcap').settings).toEqual({ sources: ['audit', 'pcap'] }));
  test('operands and - are kept', () => expect(read('x', '-', '--', '--y').operands).toEqual(['x', '-', '--y']));
  test('an unknown flag is told with the nearest', () => {
    expect(complaint('--ruels', 'x')).toBe('unknown flag --ruels; did you mean --rules?');
    expect(complaint('--qqqqqqqqqq')).toBe('unknown flag --qqqqqqqqqq');
  });
  test('a missing value is told', () => expect(complaint('--rules')).toContain('--rules'));
  test('a colour that is none', () => expect(complaint('--color', 'blue')).toContain('auto, always, never'));
});

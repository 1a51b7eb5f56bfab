import { describe, expect, test } from 'bun:test';
import { createLog, type LogOptions, printable } from '../../src/log.ts';

function logged(options: Partial<LogOptions>, use: (log: ReturnType<typeof createLog>) => void): string {
  let out = '';
  const write = (text: string): void => {
    out += text;
  };
  use(
    createLog({
      level: 'info',
      quiet: false,
      color: 'auto',
      isTerminal: false,
      env: {},
      write,
      nowMs: () => 1795492275203,
      ...options,
    }),
  );
  return out;
}

describe('the log', () => {
  test('is JSON where it is no terminal', () => {
    const line = logged({}, log => log.warning('a\nb'));
    expect(JSON.parse(line)).toEqual({
      '@timestamp': '2026-11-24T03:51:15.203Z',
      'log.level': 'warning',
      message: 'a\nb',
    });
    expect(line.indexOf('\n')).toBe(line.length - 1);
  });
  test('is text with an offset on a terminal, in colour unless NO_COLOR', () => {
    expect(logged({ isTerminal: true, color: 'never' }, log => log.info('x'))).toMatch(
      /^2026-11-2\d \d\d:\d\d:15[+-]\d\d:\d\d info: x\n$/,
    );
    expect(logged({ isTerminal: true }, log => log.error('x'))).toContain('\x1b[31m');
    expect(logged({ isTerminal: true, env: { NO_COLOR: '1' } }, log => log.error('x'))).not.toContain('\x1b');
  });
  test('levels and quiet', () => {
    expect(logged({}, log => log.debug('x'))).toBe('');
    expect(logged({ level: 'debug' }, log => log.debug('x'))).not.toBe('');
    expect(logged({ quiet: true }, log => log.warning('x'))).toBe('');
    expect(logged({ quiet: true }, log => log.error('x'))).not.toBe('');
  });
  test('names steer no terminal', () => {
    expect(printable('a\x1b[2Jb\u202ec\x9bd\ne')).toBe('a\\x1b[2Jb\\u202ec\\x9bd\ne');
  });
});

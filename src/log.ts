// The agent's log on stderr: human text on a terminal, JSON otherwise. Not the output: that is events.

export const LOG_LEVELS = ['error', 'warning', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type ColorMode = 'auto' | 'always' | 'never';

export interface LogOptions {
  readonly level: LogLevel;
  readonly quiet: boolean;
  readonly color: ColorMode;
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
}

export interface Log {
  error(message: string): void;
  warning(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}

const COLORS: Readonly<Record<LogLevel, string>> = {
  error: '\x1b[31m',
  warning: '\x1b[33m',
  info: '\x1b[32m',
  debug: '\x1b[2m',
};

export function createLog(options: LogOptions): Log {
  const most = options.quiet ? LOG_LEVELS.indexOf('error') : LOG_LEVELS.indexOf(options.level);
  const colored =
    options.color === 'always' || (options.color === 'auto' && options.isTerminal && !options.env.NO_COLOR);
  const put = (level: LogLevel, message: string): void => {
    if (LOG_LEVELS.indexOf(level) > most) return;
    const now = new Date(options.nowMs());
    if (!options.isTerminal) {
      options.write(`${JSON.stringify({ '@timestamp': now.toISOString(), 'log.level': level, message })}\n`);
      return;
    }
    const word = colored ? `${COLORS[level]}${level}\x1b[0m` : level;
    options.write(`${localTime(now)} ${word}: ${printable(message)}\n`);
  };
  return {
    error: message => put('error', message),
    warning: message => put('warning', message),
    info: message => put('info', message),
    debug: message => put('debug', message),
  };
}

/** Control characters as `\xNN`, newlines kept: a name that somebody chose must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, c => {
    const code = c.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** `2026-11-24 14:03:07+01:00` */
function localTime(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}

// Words of a line to auditctl's options, as getopt_long reads them: `-k key`, `-kkey`, `--name value`, `--name=value`.

import { fail, type Span, unknown } from './failure.ts';
import { suggest } from './suggest.ts';
import type { Token } from './tokens.ts';

export interface Option extends Span {
  /** `-a`, `--backlog_wait_time`. */
  readonly name: string;
  /** Present for those that take a value. */
  readonly value?: Token;
}

const WITH_VALUE = new Set(['-a', '-A', '-d', '-S', '-F', '-C', '-w', '-W', '-k', '-p', '-b', '-e', '-f', '-r']);
const PLAIN = new Set(['-D', '-i', '-c']);
const LONG: Readonly<Record<string, boolean>> = {
  '--backlog_wait_time': true,
  '--loginuid-immutable': false,
  '--reset-lost': false,
  '--reset_backlog_wait_time_actual': false,
};
/** What auditctl takes on its command line, but that is no rule and no setting. */
const COMMANDS = /^-(?:[hlmqRstv]|-signal|-help)/;

export function parseOptions(tokens: readonly Token[]): Option[] {
  const options: Option[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const { text, column, length } = token;
    if (text.length < 2 || text[0] !== '-') {
      const hint = text.startsWith('#') ? '; a comment has a line of its own' : '';
      fail(token, `an option was expected, not "${text.slice(0, 64)}"${hint}`);
    }
    const long = /^--[^=]*/.exec(text);
    if (long !== null) {
      const name = long[0];
      const takesValue = Object.hasOwn(LONG, name) ? LONG[name]! : unknownOption(token, name);
      if (!takesValue && name !== text) fail(token, `${name} takes no value`);
      const attached = name === text ? undefined : part(token, name.length + 1);
      const value = takesValue ? (attached ?? tokens[++i] ?? fail(token, `${name} needs a value`)) : undefined;
      options.push(value === undefined ? { name, column, length } : { name, column, length, value });
      continue;
    }
    for (let k = 1; k < text.length; k++) {
      const name = `-${text[k]}`;
      if (PLAIN.has(name)) {
        options.push({ name, column, length });
        continue;
      }
      if (!WITH_VALUE.has(name)) unknownOption(token, k === 1 ? text : name);
      const value = k + 1 < text.length ? part(token, k + 1) : (tokens[++i] ?? fail(token, `${name} needs a value`));
      options.push({ name, column, length, value });
      break;
    }
  }
  return options;
}

/** The token from `offset` on; columns are exact where nothing before is quoted. */
export function part(token: Token, offset: number, end = token.text.length): Token {
  const length = Math.max(1, end - offset);
  return { text: token.text.slice(offset, end), column: token.column + offset, length };
}

function unknownOption(token: Token, name: string): never {
  if (COMMANDS.test(name)) fail(token, `${name} is a command of auditctl, neither a rule nor a setting`);
  fail(token, unknown('option', name, suggest(name, Object.keys(LONG))));
}

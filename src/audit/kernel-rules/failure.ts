// A mistake in a rule's text: where it is and what was expected. Thrown inside the parser only; parse.ts makes it a value.

export interface RuleError {
  /** From 1. */
  readonly column: number;
  /** Characters from there that are meant, at least 1. */
  readonly length: number;
  readonly message: string;
}

/** A part of a line. */
export interface Span {
  readonly column: number;
  readonly length: number;
}

export class RuleFailure extends Error {
  readonly at: Span;

  constructor(at: Span, message: string) {
    super(message);
    this.at = at;
  }
}

export function fail(at: Span, message: string): never {
  throw new RuleFailure(at, message);
}

/** `unknown field "fod"; did you mean "foo"?` */
export function unknown(what: string, word: string, suggestion: string | undefined): string {
  const shown = word.length > 64 ? `${word.slice(0, 64)}…` : word;
  return `unknown ${what} "${shown}"${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`}`;
}

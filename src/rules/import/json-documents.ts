// JSON as people keep it: one object, an array of them, or one after another (a line each, as exports have it), with comments and
// commas too many. Pure; linear, whatever the text.

export interface JsonDocument {
  /** Where it begins; 1-based. */
  readonly line: number;
  readonly value: Readonly<Record<string, unknown>>;
}

export interface JsonProblem {
  readonly line: number;
  readonly message: string;
}

const DEPTH_MAX = 64;
const PROBLEMS_MAX = 20;

/** The objects of `text`; brackets and commas around them are skipped. */
export function readJsonDocuments(text: string): {
  documents: readonly JsonDocument[];
  problems: readonly JsonProblem[];
} {
  const scanner = new Scanner(text);
  scanner.scan();
  return { documents: scanner.documents, problems: scanner.problems };
}

class Scanner {
  readonly documents: JsonDocument[] = [];
  readonly problems: JsonProblem[] = [];
  readonly #text: string;
  #at = 0;
  #line = 1;
  #depth = 0;
  /** Of the object that is being read: its text without comments, in pieces. */
  #pieces: string[] = [];
  #startLine = 1;

  constructor(text: string) {
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
  }

  scan(): void {
    const text = this.#text;
    while (this.#at < text.length && this.problems.length < PROBLEMS_MAX) {
      const c = text[this.#at]!;
      if (c === '"') this.#string();
      else if (c === '/' && (text[this.#at + 1] === '/' || text[this.#at + 1] === '*')) this.#comment();
      else {
        if (c === '\n') this.#line++;
        this.#at++;
        if (this.#depth === 0) this.#outside(c);
        else this.#inside(c);
      }
    }
    if (this.#depth > 0) this.#problem(this.#startLine, 'the object that begins here has no end');
  }

  #problem(line: number, message: string): void {
    this.problems.push({ line, message });
  }

  #outside(c: string): void {
    if (c === '{') {
      this.#depth = 1;
      this.#startLine = this.#line;
      this.#pieces = ['{'];
    } else if (!/[\s[\],]/.test(c)) {
      this.#problem(this.#line, 'no JSON: an object "{...}" is expected');
      this.#toLineEnd();
    }
  }

  #inside(c: string): void {
    if (c === '{' || c === '[') this.#depth++;
    else if (c === '}' || c === ']') {
      this.#depth--;
      // A comma too many.
      if (this.#pieces.at(-1) === ',') this.#pieces.pop();
    }
    if (this.#depth > DEPTH_MAX) {
      this.#problem(this.#line, 'nested too deeply');
      this.#depth = 0;
      this.#at = this.#text.length;
    } else if (!/\s/.test(c)) {
      this.#pieces.push(c);
      if (this.#depth === 0) this.#end();
    }
  }

  #end(): void {
    try {
      this.documents.push({ line: this.#startLine, value: JSON.parse(this.#pieces.join('')) });
    } catch (error) {
      this.#problem(this.#startLine, `no JSON: ${(error as Error).message}`);
    }
    this.#pieces = [];
  }

  /** To the closing quote; a line's end ends it too, for JSON has none inside a text. */
  #string(): void {
    const from = this.#at++;
    while (this.#at < this.#text.length) {
      const c = this.#text[this.#at]!;
      if (c === '\n') break;
      this.#at++;
      if (c === '\\') this.#at++;
      else if (c === '"') break;
    }
    if (this.#depth > 0) this.#pieces.push(this.#text.slice(from, this.#at));
    else this.#problem(this.#line, 'no JSON: an object "{...}" is expected');
  }

  #comment(): void {
    if (this.#text[this.#at + 1] === '/') this.#toLineEnd();
    else {
      const end = this.#text.indexOf('*/', this.#at + 2);
      const to = end < 0 ? this.#text.length : end + 2;
      for (let i = this.#at; i < to; i++) if (this.#text[i] === '\n') this.#line++;
      this.#at = to;
    }
  }

  #toLineEnd(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }
}

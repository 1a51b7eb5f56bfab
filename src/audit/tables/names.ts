// The compact form of the tables of numbers and names, and its lazily built lookups. Knows nothing of what the numbers mean.
//
// The form is text: tokens parted by white space. A number sets the next number; any other token is the name of the next number,
// with its synonyms after `|`. `0 read write 5 fstat|newfstat` names 0, 1 and 5. It is small in the executable, and nothing is
// done with it until the first lookup.

export interface Names {
  /** The usual name of `number`. */
  name(number: number): string | undefined;
  /** The number of a name or synonym, exactly as spelt. */
  number(name: string): number | undefined;
  /** Every number with its usual name, by number. */
  entries(): readonly (readonly [name: string, number: number])[];
  /** Every name and synonym. */
  names(): Iterable<string>;
}

export function lazyNames(text: string): Names {
  let byNumber: Map<number, string> | undefined;
  let byName: Map<string, number> | undefined;
  const numbers = (): Map<number, string> => {
    if (byNumber === undefined) {
      byNumber = new Map();
      for (const [n, names] of parseNames(text)) byNumber.set(n, names[0]!);
    }
    return byNumber;
  };
  const names = (): Map<string, number> => {
    if (byName === undefined) {
      byName = new Map();
      for (const [n, all] of parseNames(text)) for (const name of all) byName.set(name, n);
    }
    return byName;
  };
  return {
    name: number => numbers().get(number),
    number: name => names().get(name),
    entries: () => [...numbers()].map(([number, name]): readonly [string, number] => [name, number]),
    names: () => names().keys(),
  };
}

export function parseNames(text: string): [number: number, names: string[]][] {
  const out: [number, string[]][] = [];
  let next = 0;
  // Words are parted by one blank or one line end: a test for the empty ones is cheaper than a regular expression at start.
  for (const token of text.replaceAll('\n', ' ').split(' ')) {
    if (token === '') continue;
    const first = token.charCodeAt(0);
    if (first >= 0x30 && first <= 0x39) next = Number(token);
    else out.push([next++, token.includes('|') ? token.split('|') : [token]]);
  }
  return out;
}

/** The inverse of {@link parseNames}, for the generator: by number, the first name given for a number is the usual one. */
export function formatNames(pairs: Iterable<readonly [name: string, number: number]>): string {
  const byNumber = new Map<number, string[]>();
  for (const [name, number] of pairs) {
    const names = byNumber.get(number);
    if (names === undefined) byNumber.set(number, [name]);
    else if (!names.includes(name)) names.push(name);
  }
  const lines: string[] = [];
  let line = '';
  let next = -1;
  for (const [number, names] of [...byNumber].sort(([a], [b]) => a - b)) {
    for (const token of number === next ? [names.join('|')] : [String(number), names.join('|')]) {
      if (line !== '' && line.length + 1 + token.length > 118) {
        lines.push(line);
        line = '';
      }
      line += line === '' ? token : ` ${token}`;
    }
    next = number + 1;
  }
  return [...lines, line].join('\n');
}

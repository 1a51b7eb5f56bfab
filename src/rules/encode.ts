// The value transformations of Sigma's encoding modifiers. Pure. Encoded bytes are held as text of one character a byte.

/** Every dash-like character of `windash`; a rule may write any of them. */
const DASHES = ['-', '/', '\u2013', '\u2014', '\u2015'] as const;
const DASH_BEFORE_WORD = /(?<![A-Za-z0-9_])[-/\u2013\u2014\u2015](?=[A-Za-z0-9_])/g;
/** 5⁴ values. */
const WINDASH_MAX = 4;

/** All permutations, or undefined when there would be too many. A dash counts where a flag begins: before a word, not inside one. */
export function windash(text: string): string[] | undefined {
  const places = [...text.matchAll(DASH_BEFORE_WORD)].map(match => match.index);
  if (places.length > WINDASH_MAX) return undefined;
  let variants = [text];
  for (const place of places) {
    variants = variants.flatMap(variant =>
      DASHES.map(dash => variant.slice(0, place) + dash + variant.slice(place + 1)),
    );
  }
  return [...new Set(variants)];
}

export type Utf16Kind = 'utf16le' | 'utf16be' | 'utf16';

/** The bytes of `text` in UTF-16; `utf16` begins with a byte order mark and is little-endian. */
export function utf16(text: string, kind: Utf16Kind): string {
  const bytes = Buffer.from(kind === 'utf16' ? `\ufeff${text}` : text, 'utf16le');
  if (kind === 'utf16be') bytes.swap16();
  return bytes.toString('latin1');
}

const bytesOf = (text: string, isBytes: boolean): Buffer => Buffer.from(text, isBytes ? 'latin1' : 'utf8');

export const base64 = (text: string, isBytes: boolean): string => bytesOf(text, isBytes).toString('base64');

/** The three texts of which one occurs wherever `text` stands inside something encoded; characters that neighbours decide are cut. */
export function base64offset(text: string, isBytes: boolean): string[] {
  const bytes = bytesOf(text, isBytes);
  return [0, 1, 2].map(shift => {
    const encoded = Buffer.concat([Buffer.alloc(shift, 0x20), bytes]).toString('base64');
    const cut = [0, 3, 2][(bytes.length + shift) % 3]!;
    return encoded.slice([0, 2, 3][shift]!, encoded.length - cut);
  });
}

// The short texts that come again in nearly every event (executables, directories, terminals, device numbers) as one string each,
// instead of a new one for every event: less to allocate, and the process table holds each only once. Knows bytes, not meanings.

const WORD_MAX_BYTES = 96;
/** A power of two. What hashes to a slot that is taken replaces it: a flood of new words costs time, not memory. */
const SLOTS = 2_048;
const words: string[] = new Array(SLOTS).fill('');

/** The text of ASCII bytes `from` to `to`. `hash` is the assembler's: the same for the same bytes. */
export function word(bytes: Buffer, from: number, to: number, hash: number): string {
  const length = to - from;
  if (length > WORD_MAX_BYTES) return bytes.latin1Slice(from, to);
  const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
  const known = words[slot]!;
  if (known.length === length && isText(known, bytes, from)) return known;
  const text = bytes.latin1Slice(from, to);
  words[slot] = text;
  return text;
}

function isText(text: string, bytes: Buffer, from: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false;
  return true;
}

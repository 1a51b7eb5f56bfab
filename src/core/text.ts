// Bytes from the kernel to text that is safe to print, reversible and comparable. Knows nothing of where the bytes come from.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ESCAPE_LOOKALIKE = /\\(?=x[0-9a-f]{2})/g;

/**
 * Decodes bytes `start` to `end` of `bytes` as UTF-8. A byte that isn't part of valid UTF-8 becomes `\xNN` (lower-case hex), and a
 * literal backslash before such a sequence becomes `\x5c`, so that two different byte strings never give the same text.
 */
export function safeText(bytes: Buffer, start = 0, end = bytes.length): string {
  let plain = true;
  for (let i = start; i < end; i++) {
    const b = bytes[i]!;
    if (b >= 0x80 || b === 0x5c) {
      plain = false;
      break;
    }
  }
  if (plain) return bytes.latin1Slice(start, end);
  try {
    return utf8.decode(bytes.subarray(start, end)).replace(ESCAPE_LOOKALIKE, '\\x5c');
  } catch {
    return escapeInvalid(bytes, start, end);
  }
}

/** The inverse of {@link safeText}: the exact bytes that the text was made of. */
export function textBytes(text: string): Buffer {
  if (!/\\x[0-9a-f]{2}/.test(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  let last = 0;
  for (const match of text.matchAll(/\\x([0-9a-f]{2})/g)) {
    parts.push(Buffer.from(text.slice(last, match.index), 'utf8'), Buffer.from(match[1]!, 'hex'));
    last = match.index + match[0].length;
  }
  parts.push(Buffer.from(text.slice(last), 'utf8'));
  return Buffer.concat(parts);
}

/** Length of the valid UTF-8 sequence at `i` (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF), or 0. */
function sequenceLength(bytes: Buffer, i: number, end: number): number {
  const b = bytes[i]!;
  const continues = (k: number, low = 0x80, high = 0xbf): boolean =>
    i + k < end && bytes[i + k]! >= low && bytes[i + k]! <= high;
  if (b < 0x80) return 1;
  if (b >= 0xc2 && b <= 0xdf) return continues(1) ? 2 : 0;
  if (b >= 0xe0 && b <= 0xef) {
    const low = b === 0xe0 ? 0xa0 : 0x80;
    const high = b === 0xed ? 0x9f : 0xbf;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (b >= 0xf0 && b <= 0xf4) {
    const low = b === 0xf0 ? 0x90 : 0x80;
    const high = b === 0xf4 ? 0x8f : 0xbf;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

function escapeInvalid(bytes: Buffer, start: number, end: number): string {
  let out = '';
  let from = start;
  const valid = (to: number): string => bytes.utf8Slice(from, to).replace(ESCAPE_LOOKALIKE, '\\x5c');
  for (let i = start; i < end; ) {
    const length = sequenceLength(bytes, i, end);
    if (length > 0) {
      i += length;
      continue;
    }
    if (i > from) out += valid(i);
    out += `\\x${bytes[i]!.toString(16).padStart(2, '0')}`;
    from = ++i;
  }
  return end > from ? out + valid(end) : out;
}

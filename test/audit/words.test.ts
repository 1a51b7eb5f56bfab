import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { word } from '../../src/audit/words.ts';

const ascii = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map(c => String.fromCharCode(c)),
  maxLength: 120,
});

/** As the assembler hashes a value (native/assembler.cc, digestValue). */
function hashOf(bytes: Buffer, from: number, to: number): number {
  let hash = to - from;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

test('a word is the text of its bytes, whatever words came before', () => {
  fc.assert(
    fc.property(fc.array(ascii, { maxLength: 50 }), fc.nat(20), (texts, gap) => {
      const padding = 'x'.repeat(gap);
      const bytes = Buffer.from(texts.map(text => padding + text).join(''), 'latin1');
      for (let round = 0; round < 2; round++) {
        let at = 0;
        for (const text of texts) {
          const from = at + gap;
          at = from + text.length;
          // Whatever the hash is, the text is right.
          expect(word(bytes, from, at, hashOf(bytes, from, at))).toBe(text);
          expect(word(bytes, from, at, 7)).toBe(text);
        }
      }
    }),
  );
});

test('more words than are remembered, of one length', () => {
  const text = (i: number): string => `/usr/bin/${i.toString(36).padStart(6, '0')}`;
  const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, i) => text(i)).join(''), 'latin1');
  const length = text(0).length;
  for (let i = 0; i < 20_000; i++) {
    const [from, to] = [i * length, (i + 1) * length];
    expect(word(bytes, from, to, hashOf(bytes, from, to))).toBe(text(i));
  }
});

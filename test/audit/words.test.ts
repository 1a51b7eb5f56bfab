import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { word } from '../../src/audit/words.ts';

const ascii = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map(c => String.fromCharCode(c)),
  maxLength: 120,
});

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
          expect(word(bytes, from, at)).toBe(text);
        }
      }
    }),
  );
});

test('more words than are remembered, of one length', () => {
  const text = (i: number): string => `/usr/bin/${i.toString(36).padStart(6, '0')}`;
  const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, i) => text(i)).join(''), 'latin1');
  const length = text(0).length;
  for (let i = 0; i < 20_000; i++) expect(word(bytes, i * length, (i + 1) * length)).toBe(text(i));
});

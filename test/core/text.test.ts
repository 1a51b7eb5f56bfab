import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { safeText, textBytes } from '../../src/core/text.ts';

const text = (bytes: number[]): string => safeText(Buffer.from(bytes));

describe('safeText', () => {
  test('valid UTF-8 is itself', () => {
    for (const s of ['', 'a+b', 'with space', 'quo"te', 'new\nline', 'grüße', '日本', '🐶', 'C:\\temp']) {
      expect(safeText(Buffer.from(s))).toBe(s);
    }
  });
  test('bytes that are not UTF-8 are escaped one by one', () => {
    expect(text([0x61, 0xff, 0x62])).toBe('a\\xffb');
    expect(text([0xc3])).toBe('\\xc3');
    expect(text([0xc3, 0x28])).toBe('\\xc3(');
    expect(text([0xe2, 0x82])).toBe('\\xe2\\x82');
  });
  test('overlong forms, surrogates and what is beyond Unicode are not UTF-8', () => {
    expect(text([0xc0, 0xaf])).toBe('\\xc0\\xaf');
    expect(text([0xe0, 0x80, 0xaf])).toBe('\\xe0\\x80\\xaf');
    expect(text([0xed, 0xa0, 0x80])).toBe('\\xed\\xa0\\x80');
    expect(text([0xf4, 0x90, 0x80, 0x80])).toBe('\\xf4\\x90\\x80\\x80');
  });
  test('a literal backslash before what looks like an escape is escaped', () => {
    expect(safeText(Buffer.from('a\\xff'))).toBe('a\\x5cxff');
    expect(safeText(Buffer.from('a\\xFF'))).toBe('a\\xFF');
    expect(safeText(Buffer.from('\\x5cxff'))).toBe('\\x5cx5cxff');
  });
  test('a range of a buffer', () => {
    expect(safeText(Buffer.from('xxabcyy'), 2, 5)).toBe('abc');
  });
});

describe('laws', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.string({ unit: 'binary', maxLength: 32 }).map(s => new Uint8Array(Buffer.from(s))),
    fc
      .array(fc.constantFrom('\\', 'x', '5', 'c', 'f', '\xff'), { maxLength: 24 })
      .map(a => new Uint8Array(Buffer.from(a.join(''), 'latin1'))),
  );
  test('textBytes gives back the exact bytes', () => {
    fc.assert(
      fc.property(bytes, b => {
        expect(textBytes(safeText(Buffer.from(b)))).toEqual(Buffer.from(b));
      }),
      { numRuns: 2000 },
    );
  });
  test('different bytes are different texts', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        if (!Buffer.from(a).equals(Buffer.from(b))) expect(safeText(Buffer.from(a))).not.toBe(safeText(Buffer.from(b)));
      }),
      { numRuns: 2000 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeText, unescapeMarkup, withoutWrapping } from '../../src/azure/given-text.ts';

describe('decodeText', () => {
  it('decodes UTF-8 and UTF-16 in both byte orders, with and without a byte order mark', () => {
    const anyText = fc.string({ unit: fc.constantFrom(...'aZ09-._~%&=?:/'), minLength: 2 });
    fc.assert(
      fc.property(anyText, (text) => {
        for (const given of [text, `\ufeff${text}`]) {
          expect(decodeText(Buffer.from(given))).toBe(text);
          expect(decodeText(Buffer.from(given, 'utf16le'))).toBe(text);
          expect(decodeText(Buffer.from(given, 'utf16le').swap16())).toBe(text);
        }
      }),
    );
  });

  it('accepts any bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => typeof decodeText(bytes) === 'string'));
  });
});

describe('withoutWrapping', () => {
  it.each([
    '"x"',
    "'x'",
    '`x`',
    '“x”',
    '„x“',
    '‘x’',
    '«x»',
    '<x>',
    ' \t"x"\r\n',
    '\u200b\ufeffx\u2060',
    '"\'x\'"',
    '&quot;x&quot;',
    '\\"x\\"',
  ])('removes quotes and white space around the text: %j', (text) => {
    expect(withoutWrapping(text)).toBe('x');
  });

  it.each(['', 'x', 'a"b', '"x', "it's"])('keeps %j unchanged', (text) => {
    expect(withoutWrapping(text)).toBe(text);
  });
});

describe('unescapeMarkup', () => {
  it.each([
    ['a&amp;b', 'a&b'],
    ['a&amp;amp;b', 'a&b'],
    ['a&#38;b&#x26;c\\u0026d', 'a&b&c&d'],
    ['a\\&b\\=c\\?d', 'a&b=c?d'],
    ['a&unknown;b&#5;', 'a&unknown;b&#5;'],
  ])('converts %j to %j', (text, plain) => {
    expect(unescapeMarkup(text)).toBe(plain);
  });
});

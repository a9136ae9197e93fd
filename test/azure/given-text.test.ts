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

  it('decodes UTF-32 in both byte orders, with its byte order mark', () => {
    const bytes = Buffer.from(
      Uint32Array.from([...'\ufeff?sv=€\u{1f511}'].map((one) => one.codePointAt(0) ?? 0)).buffer,
    );
    expect(decodeText(bytes)).toBe('?sv=€\u{1f511}');
    expect(decodeText(Buffer.from(bytes).swap32())).toBe('?sv=€\u{1f511}');
  });

  it('ignores half a unit at the end of UTF-16, as "echo" appends it', () => {
    for (const given of ['\ufeff?sv=1', '?sv=1']) {
      const bytes = Buffer.from(given, 'utf16le');
      expect(decodeText(Buffer.concat([bytes, Buffer.from('\n')]))).toBe('?sv=1');
    }
  });

  it('decodes Windows-1252 if the bytes are not UTF-8', () => {
    expect(decodeText(Buffer.from('\x93?sv=1\x94\xa0\xad\r\n', 'latin1'))).toBe('“?sv=1”\u00a0\u00ad\r\n');
  });

  it('accepts any bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => typeof decodeText(bytes) === 'string'));
    for (const mark of [
      [0xff, 0xfe, 0, 0],
      [0, 0, 0xfe, 0xff],
    ]) {
      expect(decodeText(Uint8Array.from([...mark, 0xff, 0xff, 0xff, 0xff, 0x41]))).toBe('\ufffd');
    }
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
    ['a^&b`&c^%d', 'a&b&c%d'],
    ['a&AMP;b&ampc', 'a&b&c'],
    ['a&unknown;b&#5;', 'a&unknown;b&#5;'],
  ])('converts %j to %j', (text, plain) => {
    expect(unescapeMarkup(text)).toBe(plain);
  });
});

import { describe, expect, it } from 'vitest';
import { decodeForeignText } from '../../src/base/foreign-text.ts';

describe('decodeForeignText() decodes Windows-1252', () => {
  it.each([
    [0x8a, 'ablona.vhd', 'Šablona.vhd'],
    [0x80, ' base.vhd', '€ base.vhd'],
    [0x9f, '.vhd', 'Ÿ.vhd'],
    [0xe9, '.vhd', 'é.vhd'],
  ])('byte %i before %j', (byte, rest, text) => {
    const bytes = Buffer.from([byte, ...Buffer.from(rest)]);
    for (const encoding of ['windows-1252', 'utf-16be', 'utf-16le'] as const) {
      expect(decodeForeignText(Buffer.concat([bytes, Buffer.alloc(500)]), encoding)).toBe(text);
    }
  });

  it('with typographic quotes and dashes', () => {
    expect(decodeForeignText(Buffer.from('Bob\x92s disk \x96 1.vhd', 'latin1'), 'utf-16be')).toBe('Bob’s disk – 1.vhd');
  });

  it.each([0x81, 0x8d, 0x8f, 0x90, 0x9d])('but not the unassigned byte %i', (byte) => {
    expect(decodeForeignText(Buffer.from([byte, ...Buffer.from('a.vhd')]), 'windows-1252')).not.toMatch(/a\.vhd/);
  });
});

import { describe, expect, it } from 'vitest';
import { checksumOf, hex32 } from '../../../src/image/vhd/checksum.ts';

describe('checksumOf', () => {
  it('is the bitwise NOT of the sum of all bytes', () => {
    expect(checksumOf(Uint8Array.of(1, 2, 3, 0, 0, 0, 0), 3)).toBe(0xfffffff9);
  });

  it('excludes its own field', () => {
    expect(checksumOf(Uint8Array.of(1, 2, 3, 0xff, 0xff, 0xff, 0xff), 3)).toBe(0xfffffff9);
  });
});

describe('hex32', () => {
  it('keeps leading zeros', () => {
    expect(hex32(0xabc)).toBe('0x00000abc');
  });
});

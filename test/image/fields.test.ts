import { describe, expect, it } from 'vitest';
import { CorruptImageError } from '../../src/errors.ts';
import { Fields } from '../../src/image/fields.ts';

const bytes = Uint8Array.of(0xff, 1, 2, 3, 4, 5, 6, 7, 8, 0x61, 0x62).subarray(1);
const location = { path: 'disk\x1b.vhd', structure: 'footer', offset: 1024 };

describe('Fields', () => {
  it('reads big-endian numbers, as in VHD', () => {
    const fields = new Fields(bytes, location, 'big');
    expect([fields.u8(0), fields.u16(0), fields.u32(0)]).toEqual([1, 0x0102, 0x01020304]);
    expect(fields.bigU64(0)).toBe(0x0102030405060708n);
  });

  it('reads little-endian numbers, as in VHDX', () => {
    const fields = new Fields(bytes, location, 'little');
    expect([fields.u16(0), fields.u32(0)]).toEqual([0x0201, 0x04030201]);
  });

  it('returns 64-bit values up to 2^53 - 1 as numbers, and refuses larger ones by name', () => {
    const numbers = Buffer.alloc(16);
    numbers.writeBigUInt64BE(2n ** 53n - 1n);
    numbers.writeBigUInt64BE(2n ** 53n, 8);
    const fields = new Fields(numbers, location, 'big');
    expect(fields.u64(0, 'current size')).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => fields.u64(8, 'current size')).toThrow(CorruptImageError);
    expect(() => fields.u64(8, 'current size')).toThrow(
      'Cannot use the footer at 1024 of disk\\u{1b}.vhd: its current size is 9007199254740992.',
    );
  });

  it('returns text and bytes', () => {
    const fields = new Fields(bytes, location, 'big');
    expect(fields.ascii(8, 2)).toBe('ab');
    expect([...fields.slice(0, 2)]).toEqual([1, 2]);
  });
});

import { describe, expect, it } from 'vitest';
import { Crc32c } from '../../src/base/crc32c.ts';
import { crc32c, pattern } from '../support/vhdx-builder.ts';

describe('Crc32c', () => {
  it('is the checksum of RFC 3720 (32 zeros give 8a9136aa)', async () => {
    expect((await Crc32c.create()).of(new Uint8Array(32))).toBe(0x8a9136aa);
  });

  it('treats the bytes of the checksum field as zeros', async () => {
    const checksum = await Crc32c.create();
    const structure = Buffer.alloc(32);
    structure.writeUInt32LE(0xdeadbeef, 4);
    expect(checksum.of(structure)).toBe(0x8a9136aa);
  });

  it('gives the same result in one piece and in several', async () => {
    const bytes = pattern(1, 10_000);
    bytes.fill(0, 4, 8);
    const checksum = await Crc32c.create();
    checksum.start(bytes.subarray(0, 4096));
    checksum.update(bytes.subarray(4096, 8192));
    checksum.update(bytes.subarray(8192));
    expect(checksum.value()).toBe(crc32c(bytes));
  });
});

import { describe, expect, it } from 'vitest';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import {
  checkFooter,
  checksumProblem,
  decodeFooter,
  encodeFixedFooter,
  footerFields,
  isFixedFooter,
} from '../../../src/image/vhd/footer.ts';
import { seal } from '../../support/vhd-builder.ts';

const MIB = 1024 * 1024;
const uniqueId = Uint8Array.from({ length: 16 }, (_, index) => index + 1);

function fieldsOf(edit: (footer: Buffer) => void = () => undefined) {
  const footer = Buffer.from(encodeFixedFooter({ size: 30 * MIB, uniqueId, timestamp: 655986198 }));
  edit(footer);
  return footerFields(seal(footer, 64), 'disk.vhd', 1024);
}

function check(edit: (footer: Buffer) => void): () => void {
  const fields = fieldsOf(edit);
  return () => checkFooter(decodeFooter(fields), fields);
}

describe('encodeFixedFooter', () => {
  const footer = Buffer.from(encodeFixedFooter({ size: 30 * MIB, uniqueId, timestamp: 655986198 }));

  it('writes the same fields as Azure PowerShell', () => {
    expect(footer).toHaveLength(512);
    expect(footer.toString('latin1', 0, 8)).toBe('conectix');
    expect(footer.toString('hex', 8, 24)).toBe('0000000200010000ffffffffffffffff');
    expect(footer.readUInt32BE(24)).toBe(655986198);
    expect(footer.toString('latin1', 28, 40)).toBe('wa\0\0\0\x07\0\0Wi2k');
    expect(footer.readUInt32BE(60)).toBe(2);
    expect(footer.subarray(68, 84)).toEqual(Buffer.from(uniqueId));
    expect(footer.subarray(84).every((byte) => byte === 0)).toBe(true);
  });

  it('writes the disk size twice, and the geometry', () => {
    expect(footer.readBigUInt64BE(40)).toBe(BigInt(30 * MIB));
    expect(footer.readBigUInt64BE(48)).toBe(BigInt(30 * MIB));
    expect(footer.toString('hex', 56, 60)).toBe('03870411');
  });

  it('can be decoded again, with a valid checksum', () => {
    const fields = footerFields(footer, 'disk.vhd', 0);
    expect(checksumProblem(fields)).toBeUndefined();
    expect(decodeFooter(fields)).toMatchObject({ currentSize: 30 * MIB, diskType: 2, timestamp: 655986198 });
  });

  it('refuses an id that is not 16 bytes long', () => {
    expect(() => encodeFixedFooter({ size: MIB, uniqueId: new Uint8Array(15), timestamp: 0 })).toThrow(RangeError);
  });

  it('accepts a disk above the 2040 GiB of the specification', () => {
    const large = Buffer.from(encodeFixedFooter({ size: 8 * 2 ** 40, uniqueId, timestamp: 0 }));
    expect(large.readBigUInt64BE(48)).toBe(BigInt(8 * 2 ** 40));
  });
});

describe('checksumProblem', () => {
  it('names the stored value and the computed one', () => {
    const footer = Buffer.from(encodeFixedFooter({ size: MIB, uniqueId, timestamp: 0 }));
    const right = footer.readUInt32BE(64);
    footer.writeUInt32BE(0x12345678, 64);
    expect(checksumProblem(footerFields(footer, 'disk.vhd', 0))).toBe(
      `its checksum is 0x12345678, but its bytes give 0x${right.toString(16)}`,
    );
  });

  it.each([0x00000001, 0x00010001])('lets blktap %i set the hidden flag without a new checksum', (version) => {
    const fields = fieldsOf((footer) => {
      footer.write('tap\0', 28, 'latin1');
      footer.writeUInt32BE(version, 32);
    });
    fields.bytes[85] = 1;
    expect(checksumProblem(fields)).toBeUndefined();
  });

  it('lets no other program do so', () => {
    const fields = fieldsOf((footer) => {
      footer.write('tap\0', 28, 'latin1');
      footer.writeUInt32BE(0x00010003, 32);
    });
    fields.bytes[85] = 1;
    expect(checksumProblem(fields)).toContain('its checksum is');
  });
});

describe('checkFooter', () => {
  it('accepts any minor version, and any data offset of a fixed disk', () => {
    expect(
      check((footer) => {
        footer.writeUInt32BE(0x00010007, 12);
        footer.writeBigUInt64BE(0xffffffffn, 16);
      }),
    ).not.toThrow();
  });

  it('refuses another major version', () => {
    expect(check((footer) => footer.writeUInt32BE(0x00020000, 12))).toThrow(UnsupportedImageError);
    expect(check((footer) => footer.writeUInt32BE(0x00020000, 12))).toThrow('format version 2.0');
  });

  it.each([0, 1, 5, 6, 7, 0xffffffff])('refuses disk type %i by name', (type) => {
    expect(check((footer) => footer.writeUInt32BE(type, 60))).toThrow(UnsupportedImageError);
    expect(check((footer) => footer.writeUInt32BE(type, 60))).toThrow(`disk type ${type};`);
  });

  it.each([0n, 511n, 1048577n])('refuses a current size of %i bytes', (size) => {
    expect(check((footer) => footer.writeBigUInt64BE(size, 48))).toThrow(CorruptImageError);
    expect(check((footer) => footer.writeBigUInt64BE(size, 48))).toThrow(`its current size is ${size}`);
  });

  it('refuses a current size beyond 8 PiB, where numbers are no longer exact', () => {
    expect(check((footer) => footer.writeBigUInt64BE(2n ** 63n, 48))).toThrow(
      'its current size is 9223372036854775808',
    );
  });

  it('accepts a dynamic disk of up to 2040 GiB, and refuses larger ones', () => {
    const dynamic = (size: bigint) => (footer: Buffer) => {
      footer.writeUInt32BE(3, 60);
      footer.writeBigUInt64BE(size, 48);
    };
    expect(check(dynamic(2040n * 2n ** 30n))).not.toThrow();
    expect(check(dynamic(2040n * 2n ** 30n + 512n))).toThrow('at most 2190433320960');
  });

  it('ignores the original size', () => {
    expect(check((footer) => footer.writeBigUInt64BE(2n ** 64n - 1n, 40))).not.toThrow();
  });
});

describe('isFixedFooter', () => {
  const isFixed = (edit: (footer: Buffer) => void = () => undefined, size = 30 * MIB) =>
    isFixedFooter(fieldsOf(edit).bytes, size);

  it('accepts a fixed disk of the given size from any creator', () => {
    expect(isFixed()).toBe(true);
    expect(isFixed((footer) => footer.write('qemu', 28))).toBe(true);
  });

  it('refuses another disk type, another size, and damaged footers', () => {
    expect(isFixed(undefined, 31 * MIB)).toBe(false);
    expect(isFixed((footer) => footer.writeUInt32BE(3, 60))).toBe(false);
    expect(isFixed((footer) => footer.write('connectx'))).toBe(false);
    const damaged = Buffer.from(fieldsOf().bytes);
    damaged.writeUInt8(1, 100);
    expect(isFixedFooter(damaged, 30 * MIB)).toBe(false);
    expect(isFixedFooter(new Uint8Array(512), 30 * MIB)).toBe(false);
  });
});

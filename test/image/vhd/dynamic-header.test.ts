import { describe, expect, it } from 'vitest';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { diskOf, patchFile, patternOf, type VhdDescription } from '../../support/vhd-builder.ts';
import { buildTemporary, expectSameBytes, failureOf, openWatched, readDisk } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const dynamic: VhdDescription = {
  type: 'dynamic',
  size: 5 * MIB,
  contents: [{ offset: MIB, bytes: patternOf(1, 2 * MIB) }],
};

async function failureWith(description: Partial<VhdDescription>): Promise<Error> {
  const { path } = await buildTemporary({ ...dynamic, ...description });
  return await failureOf(openDiskImage(path));
}

describe('the dynamic header', () => {
  it('is refused without its cookie', async () => {
    const error = await failureWith({ editHeader: (header) => void header.write('\x1b[2Jevil', 0, 'latin1') });
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toMatch(
      /dynamic header at 512 of .*: it must begin with "cxsparse", but begins with "\\u\{1b\}\[2Jevil"/,
    );
  });

  it('is refused if its checksum is wrong, and the error names both values', async () => {
    const { path, headerOffset } = await buildTemporary(dynamic);
    await patchFile(path, headerOffset + 36, Uint8Array.of(1, 2, 3, 4));
    const error = await failureOf(openDiskImage(path));
    expect(error.message).toMatch(
      /dynamic header at 512 .*its checksum is 0x01020304, but its bytes give 0x[0-9a-f]{8}/,
    );
  });

  it('is refused if its major version is not 1', async () => {
    const error = await failureWith({ editHeader: (header) => void header.writeUInt32BE(0x00020001, 24) });
    expect(error).toBeInstanceOf(UnsupportedImageError);
    expect(error.message).toContain('version 2.1');
  });

  it.each([0n, 511n, 2n ** 40n, 2n ** 64n - 1n])(
    'is refused if it lies outside the file or before the end of the footer: %i',
    async (offset) => {
      const error = await failureWith({ editFooter: (footer) => void footer.writeBigUInt64BE(offset, 16) });
      expect(error).toBeInstanceOf(CorruptImageError);
      expect(error.message).toContain(`but starts at ${offset}`);
    },
  );

  it.each([0, 1, 511, 256, 3 * MIB, 512 * MIB, 2 ** 31])('is refused with a block size of %i', async (blockSize) => {
    const error = await failureWith({ editHeader: (header) => void header.writeUInt32BE(blockSize, 32) });
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toContain(`its block size is ${blockSize} bytes`);
  });

  it.each([512, 1024, 4096, 512 * 1024, 2 * MIB, 16 * MIB, 256 * MIB])(
    'accepts blocks of %i bytes',
    async (blockSize) => {
      const small = { ...dynamic, size: 64 * 1024, contents: [{ offset: 1536, bytes: patternOf(2, 5120) }] };
      const { path } = await buildTemporary({ ...small, blockSize });
      const { image } = await openWatched(path);
      expectSameBytes(await readDisk(image), diskOf(small.size, small.contents));
    },
  );

  it('is refused with a BAT that is too short for the disk', async () => {
    const error = await failureWith({ editHeader: (header) => void header.writeUInt32BE(2, 28) });
    expect(error.message).toContain('its BAT has 2 entries, but a disk of 5242880 bytes in blocks of 2097152 needs 3');
  });

  it('accepts a BAT that is too long, as qemu wrote it until 2020, and keeps the size of the disk', async () => {
    const { path } = await buildTemporary({ ...dynamic, maxTableEntries: 5, allocated: [3, 4] });
    const { image } = await openWatched(path);
    expect(image.size).toBe(5 * MIB);
    expectSameBytes(await readDisk(image), diskOf(5 * MIB, dynamic.contents ?? []));
  });

  it('accepts a BAT that claims 2^32 - 1 entries, and reads only those that the disk needs', async () => {
    const { path } = await buildTemporary({
      ...dynamic,
      editHeader: (header) => void header.writeUInt32BE(0xffffffff, 28),
    });
    const { image } = await openWatched(path);
    expectSameBytes(await readDisk(image), diskOf(5 * MIB, dynamic.contents ?? []));
  });
});

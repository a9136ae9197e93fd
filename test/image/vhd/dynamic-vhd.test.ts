import { afterEach, describe, expect, it, vi } from 'vitest';
import { ImageFile } from '../../../src/image/image-file.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { diskOf, patternOf, type VhdDescription } from '../../support/vhd-builder.ts';
import { buildTemporary, expectSameBytes, failureOf, openWatched, readDisk } from '../../support/vhd-fixtures.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const BLOCK = 64 * KIB;
const contents = [
  { offset: BLOCK + 512, bytes: patternOf(1, 1024) },
  { offset: 4 * BLOCK, bytes: patternOf(2, 2 * BLOCK) },
];
const dynamic: VhdDescription = { type: 'dynamic', size: MIB, blockSize: BLOCK, contents };

afterEach(() => vi.restoreAllMocks());

describe('a dynamic VHD', () => {
  it('reads zeros where it has no block', async () => {
    const { path } = await buildTemporary(dynamic);
    const { image } = await openWatched(path);
    expectSameBytes(await readDisk(image), diskOf(MIB, contents));
    expectSameBytes(await readDisk(image, 512), diskOf(MIB, contents));
  });

  it('never reads unallocated blocks', async () => {
    const { path } = await buildTemporary(dynamic);
    const { image } = await openWatched(path);
    const read = vi.spyOn(ImageFile.prototype, 'read');
    const into = new Uint8Array(3 * BLOCK).fill(0xee);
    await image.read({ offset: 6 * BLOCK, length: into.length }, into);
    expect(read).not.toHaveBeenCalled();
    expectSameBytes(into, new Uint8Array(3 * BLOCK));
  });

  it('reads a whole block, bitmap and data, in one read straight into the buffer of the caller', async () => {
    const { path, blockPositions } = await buildTemporary(dynamic);
    const { image } = await openWatched(path);
    const read = vi.spyOn(ImageFile.prototype, 'read');
    const into = new Uint8Array(2 * BLOCK);
    await image.read({ offset: 4 * BLOCK, length: into.length }, into);
    expect(read.mock.calls.map(([position]) => position)).toEqual([blockPositions.get(4), blockPositions.get(5)]);
    expect(read.mock.calls.map(([, , data]) => data?.buffer)).toEqual([into.buffer, into.buffer]);
    expectSameBytes(into, patternOf(2, 2 * BLOCK));
  });

  it.each(['full', 'written'] as const)('fills shared memory (bitmaps: %s)', async (bitmaps) => {
    const { path } = await buildTemporary({ ...dynamic, bitmaps, staleByte: bitmaps === 'written' ? 0x77 : 0 });
    const { image } = await openWatched(path);
    const into = new Uint8Array(new SharedArrayBuffer(MIB));
    await image.read({ offset: 0, length: MIB }, into);
    expectSameBytes(into, diskOf(MIB, contents));
  });

  it('supports concurrent reads', async () => {
    const { path } = await buildTemporary(dynamic);
    const { image } = await openWatched(path);
    const disk = new Uint8Array(MIB);
    const offsets = Array.from({ length: MIB / 4096 }, (_, index) => index * 4096);
    await Promise.all(
      offsets.map(async (offset) => await image.read({ offset, length: 4096 }, disk.subarray(offset, offset + 4096))),
    );
    expectSameBytes(disk, diskOf(MIB, contents));
  });

  it('may end inside a block, and never returns data beyond its end', async () => {
    const size = MIB - 1536;
    const last = [{ offset: 15 * BLOCK, bytes: patternOf(3, BLOCK) }];
    const { path } = await buildTemporary({ ...dynamic, size, contents: last });
    const { image } = await openWatched(path);
    expect(image.size).toBe(size);
    expectSameBytes(await readDisk(image), diskOf(MIB, last).subarray(0, size));
    await expect(image.read({ offset: size, length: 512 }, new Uint8Array(512))).rejects.toThrow(RangeError);
  });

  it('accepts a last block that is truncated at the end of the disk', async () => {
    const size = MIB - 1536;
    const last = [{ offset: 15 * BLOCK, bytes: patternOf(3, BLOCK - 1536) }];
    const { path } = await buildTemporary({ ...dynamic, size, contents: last, cutsLastBlock: true });
    const { image } = await openWatched(path);
    expectSameBytes(await readDisk(image), diskOf(size, last));
  });

  it('refuses a last block that is truncated before the end of the disk', async () => {
    const { path } = await buildTemporary({
      ...dynamic,
      size: MIB - 1536,
      contents: [{ offset: 15 * BLOCK, bytes: patternOf(3, BLOCK - 1536) }],
      cutsLastBlock: true,
      editFooter: (footer) => void footer.writeBigUInt64BE(BigInt(MIB - 1024), 48),
    });
    expect((await failureOf(openDiskImage(path))).message).toContain('Cannot read BAT entry 15');
  });
});

describe('sectors that the bitmap of a dynamic VHD does not mark', () => {
  const unmarked: VhdDescription = { ...dynamic, bitmaps: 'written', staleByte: 0x77 };
  const stale = diskOf(MIB, [
    { offset: BLOCK, bytes: new Uint8Array(BLOCK).fill(0x77) },
    { offset: 4 * BLOCK, bytes: new Uint8Array(2 * BLOCK).fill(0x77) },
    ...contents,
  ]);

  it('read as zeros, with one warning, whatever they contain', async () => {
    const { image, warnings, messages } = await openWatched((await buildTemporary(unmarked)).path);
    expectSameBytes(await readDisk(image), diskOf(MIB, contents));
    expectSameBytes(await readDisk(image, 512), diskOf(MIB, contents));
    expect(warnings).toEqual(['unmarked-data']);
    expect(messages[0]).toContain('Block 1 of');
    expect(messages[0]).toContain('the first at 65536 of the disk');
    expect(messages[0]).toContain('--trust-unmarked-sectors');
  });

  it('are counted', async () => {
    const { path } = await buildTemporary(unmarked);
    const messages: string[] = [];
    const image = await openDiskImage(path, { onDebug: (message) => messages.push(message) });
    await readDisk(image);
    await image.close();
    expect(messages.at(-1)).toContain('126 unmarked sectors with data');
  });

  it('cause no warning if they contain zeros', async () => {
    const { image, warnings } = await openWatched((await buildTemporary({ ...unmarked, staleByte: 0 })).path);
    expectSameBytes(await readDisk(image), diskOf(MIB, contents));
    expect(warnings).toEqual([]);
  });

  it('read as their contents if the user says so', async () => {
    const { path } = await buildTemporary(unmarked);
    const { image, warnings } = await openWatched(path, { trustUnmarkedSectors: true });
    expectSameBytes(await readDisk(image), stale);
    expect(warnings).toEqual([]);
  });

  it.each([512, 4096, MIB])(
    'cause a prominent warning if an empty bitmap covers data (read in pieces of %i)',
    async (step) => {
      const { image, warnings, messages } = await openWatched(
        (await buildTemporary({ ...dynamic, bitmaps: 'empty' })).path,
      );
      expectSameBytes(await readDisk(image, step), new Uint8Array(MIB));
      expect(warnings).toEqual(['unmarked-data', 'empty-bitmap']);
      expect(messages[1]).toContain('DATA MAY BE MISSING');
    },
  );

  it('are found with the lowest bit first in bitmaps that blktap 0.1 wrote', async () => {
    const tap = { ...unmarked, creatorApplication: 'tap\0', bitOrder: 'lsb-first' } as const;
    const old = await openWatched((await buildTemporary({ ...tap, creatorVersion: 0x00000001 })).path);
    expectSameBytes(await readDisk(old.image), diskOf(MIB, contents));
    const odd = { ...tap, contents: [{ offset: 512, bytes: patternOf(1, 512) }] };
    const later = await openWatched((await buildTemporary({ ...odd, creatorVersion: 0x00010003 })).path);
    const sector = new Uint8Array(512);
    await later.image.read({ offset: 512, length: 512 }, sector);
    expectSameBytes(sector, new Uint8Array(512));
  });
});

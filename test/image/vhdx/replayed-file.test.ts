import { createHash } from 'node:crypto';
import { readFileSync, truncateSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Crc32c } from '../../../src/base/crc32c.ts';
import { CorruptImageError, UnsupportedImageError } from '../../../src/errors.ts';
import { LogSectors } from '../../../src/image/vhdx/log-sectors.ts';
import { ReplayedFile } from '../../../src/image/vhdx/replayed-file.ts';
import { buildVhdx, KIB, MIB, patchFile, pattern, type VhdxLayout } from '../../support/vhdx-builder.ts';
import { type Descriptor, type EntrySpec, writeLog } from '../../support/vhdx-log-builder.ts';
import { withFile, workspace } from '../../support/vhdx-workspace.ts';

const SECTOR = 4 * KIB;
const at = workspace();
let count = 0;

function cleanFile(): VhdxLayout {
  return buildVhdx(at(`replayed-${count++}.vhdx`), { size: 4 * MIB });
}

async function replay<T>(
  layout: VhdxLayout,
  entries: readonly EntrySpec[],
  use: (file: ReplayedFile) => T | Promise<T>,
): Promise<T> {
  const { logGuid } = writeLog(layout, { entries });
  return await withFile(layout.path, async (file) => {
    const header = {
      sequenceNumber: 1n,
      dataWriteGuid: '',
      logGuid,
      logOffset: layout.log.offset,
      logLength: layout.log.length,
    };
    return await use(await ReplayedFile.replay(file, new LogSectors(file, header), logGuid, await Crc32c.create()));
  });
}

async function read(file: ReplayedFile, position: number, length: number): Promise<Buffer> {
  const into = Buffer.alloc(length, 0xa5);
  await file.read(position, into);
  return into;
}

describe('ReplayedFile', () => {
  it('returns the pages of the log, including their first 8 and last 4 bytes, over the contents of the file', async () => {
    const layout = cleanFile();
    const target = layout.bat.offset;
    const before = pattern(1, 4 * SECTOR);
    patchFile(layout.path, target, before);
    const bytes = pattern(2, SECTOR);
    await replay(layout, [{ sequence: 1n, descriptors: [{ page: target + SECTOR, bytes }] }], async (file) => {
      const after = Buffer.concat([before.subarray(0, SECTOR), bytes, before.subarray(2 * SECTOR)]);
      expect(await read(file, target, 4 * SECTOR)).toEqual(after);
      expect(await read(file, target + SECTOR - 3, 10)).toEqual(after.subarray(SECTOR - 3, SECTOR + 7));
      expect(await read(file, target + 2 * SECTOR - 2, 5)).toEqual(after.subarray(2 * SECTOR - 2, 2 * SECTOR + 3));
      expect(await read(file, target + SECTOR + 100, 1)).toEqual(after.subarray(SECTOR + 100, SECTOR + 101));
    });
  });

  it('does not modify the file', async () => {
    const layout = cleanFile();
    const digest = (): string => createHash('sha256').update(readFileSync(layout.path)).digest('hex');
    const entries = [{ sequence: 1n, descriptors: [{ page: layout.bat.offset, bytes: pattern(1, SECTOR) }] }];
    writeLog(layout, { logGuid: '00000000-0000-0000-0000-000000000001', entries });
    const before = digest();
    await withFile(layout.path, async (file) => {
      const header = { sequenceNumber: 1n, dataWriteGuid: '', logGuid: undefined, logOffset: MIB, logLength: MIB };
      const guid = '00000000-0000-0000-0000-000000000001';
      await read(await ReplayedFile.replay(file, new LogSectors(file, header), guid, await Crc32c.create()), MIB, MIB);
    });
    expect(digest()).toBe(before);
  });

  it('gives the same result as writing entry after entry, for any pages and zeros', async () => {
    const target = 3 * MIB;
    const page = fc.nat(15).map((index) => target + index * SECTOR);
    const descriptor: fc.Arbitrary<Descriptor> = fc.oneof(
      fc.record({ page, bytes: fc.nat(250).map((seed) => pattern(seed, SECTOR)) }),
      fc.record({ zero: page, length: fc.nat(6).map((sectors) => sectors * SECTOR) }),
    );
    const entries = fc.array(fc.array(descriptor, { maxLength: 6 }), { minLength: 1, maxLength: 6 });
    const start = fc.nat(255).map((sector) => sector * SECTOR);
    await fc.assert(
      fc.asyncProperty(entries, start, async (all, first) => {
        const layout = cleanFile();
        const model = pattern(99, 24 * SECTOR);
        patchFile(layout.path, target, model);
        for (const one of all.flat()) {
          if ('zero' in one) model.fill(0, one.zero - target, one.zero - target + Number(one.length));
          else model.set(one.bytes, one.page - target);
        }
        const specs = all.map((descriptors, index) => ({ sequence: BigInt(index + 1), descriptors }));
        const [head, ...rest] = specs;
        if (head === undefined) return;
        await replay(layout, [{ ...head, at: first }, ...rest], async (file) => {
          expect((await read(file, target, model.length)).equals(model)).toBe(true);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('reads as zeros beyond the end of the file up to the length in the log, except for pages of the log', async () => {
    const layout = cleanFile();
    const end = layout.fileLength;
    const last = BigInt(end + 2 * MIB);
    const bytes = pattern(3, SECTOR);
    const descriptors = [{ page: end + MIB, bytes }];
    await replay(layout, [{ sequence: 1n, descriptors, flushed: BigInt(end), last }], async (file) => {
      expect(file.size).toBe(end + 2 * MIB);
      expect(await read(file, end - SECTOR, 2 * SECTOR)).toEqual(Buffer.alloc(2 * SECTOR));
      expect(await read(file, end + MIB, SECTOR)).toEqual(bytes);
      await expect(read(file, end + 2 * MIB - 1, 2)).rejects.toThrow(CorruptImageError);
    });
  });

  it('does not shorten a file that is longer than the log says', async () => {
    const layout = cleanFile();
    await replay(layout, [{ sequence: 1n, last: 1n, flushed: 1n }], async (file) => {
      expect(file.size).toBe(layout.fileLength);
      expect(await read(file, layout.fileLength - 1, 1)).toHaveLength(1);
    });
  });

  it('uses the file length in the newest entry', async () => {
    const layout = cleanFile();
    const far = BigInt(layout.fileLength + MIB);
    const entries = [{ sequence: 1n, flushed: far, last: far }, { sequence: 2n }];
    await replay(layout, entries, (file) => {
      expect(file.size).toBe(layout.fileLength);
    });
  });

  it('refuses a file that is shorter than it was when the log was written', async () => {
    const layout = cleanFile();
    const flushed = BigInt(layout.fileLength);
    truncateSync(layout.path, layout.fileLength - 512);
    const replaying = replay(layout, [{ sequence: 1n, flushed }], async (file) => await read(file, 0, 1));
    await expect(replaying).rejects.toThrow(CorruptImageError);
    await expect(replaying).rejects.toThrow(`at least ${flushed} bytes, but it has ${layout.fileLength - 512}`);
  });

  it('refuses an impossible file length', async () => {
    const layout = cleanFile();
    const replaying = replay(layout, [{ sequence: 1n, last: 1n << 60n }], async (file) => await read(file, 0, 1));
    await expect(replaying).rejects.toThrow(/extends to 1152921504606846976/);
  });

  it('stores zeros of 2^63 bytes as a range', async () => {
    const layout = cleanFile();
    patchFile(layout.path, layout.bat.offset, pattern(1, SECTOR));
    const descriptors = [{ zero: layout.metadata.offset + MIB, length: 1n << 63n }];
    await replay(layout, [{ sequence: 1n, descriptors }], async (file) => {
      expect(await read(file, layout.bat.offset, SECTOR)).toEqual(Buffer.alloc(SECTOR));
    });
  });

  it('refuses an unreasonable number of zero ranges', async () => {
    const layout = buildVhdx(at('zeros.vhdx'), { size: 4 * MIB, logLength: 4 * MIB });
    const descriptors = Array.from({ length: 65_537 }, () => ({ zero: layout.bat.offset, length: SECTOR }));
    const replaying = replay(layout, [{ sequence: 1n, descriptors }], async (file) => await read(file, 0, 1));
    await expect(replaying).rejects.toThrow(UnsupportedImageError);
  });
});

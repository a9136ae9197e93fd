import { appendFileSync, copyFileSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CorruptImageError, ImageChangedError, UnsupportedImageError } from '../../src/errors.ts';
import { asFixedVhd } from '../../src/image/fixed-vhd-view.ts';
import { pattern } from '../support/vhdx-builder.ts';
import { contentsOf, extentsOf, readRange, withImage, workspace } from '../support/vhdx-workspace.ts';

const at = workspace();
const RAW = { format: 'raw' } as const;

function rawFile(name: string, bytes: Uint8Array): string {
  writeFileSync(at(name), bytes);
  return at(name);
}

/** A disk with one partition. */
function partitioned(length: number, gptAt?: number): Buffer {
  const disk = pattern(1, length);
  disk.fill(0, 446, 510);
  Buffer.from([0x80, 0, 2, 0, 0x83, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0]).copy(disk, 446);
  disk.writeUInt16LE(0xaa55, 510);
  if (gptAt !== undefined) disk.write('EFI PART', gptAt, 'latin1');
  return disk;
}

describe('a raw disk', () => {
  it('is recognised by its partition table, with a warning that it might be a truncated VHD', async () => {
    const bytes = partitioned(64 * 512);
    await withImage(rawFile('mbr.img', bytes), async (image, warnings) => {
      expect(image).toMatchObject({ format: 'raw', size: bytes.length, timestamp: 0 });
      expect(warnings.map(({ code }) => code)).toEqual(['raw-by-content']);
      expect((await contentsOf(image)).equals(bytes)).toBe(true);
      expect(await extentsOf(image)).toEqual([{ offset: 0, length: bytes.length }]);
    });
  });

  it('gives a warning if its GPT uses sectors of 4096 bytes', async () => {
    await withImage(rawFile('4k.img', partitioned(64 * 512, 4096)), async (image, warnings) => {
      expect(warnings.map(({ code }) => code)).toEqual(['raw-by-content', 'sector-size-4096']);
      await image.assertUnchanged();
    });
  });

  it('is refused without a partition table, unless the user says that it is raw', async () => {
    const path = rawFile('plain.img', pattern(2, 4096));
    await expect(withImage(path, contentsOf)).rejects.toThrow(UnsupportedImageError);
    await expect(withImage(path, contentsOf)).rejects.toThrow(/use --format raw/);
    await withImage(
      path,
      async (image) => {
        expect((await contentsOf(image)).equals(pattern(2, 4096))).toBe(true);
      },
      RAW,
    );
  });

  it('can be any file if the user says so', async () => {
    const bytes = Buffer.concat([Buffer.from('vhdxfile'), pattern(3, 504)]);
    await withImage(rawFile('vhdx.img', bytes), async (image) => expect(await contentsOf(image)).toEqual(bytes), RAW);
  });

  it('is refused if it is a known other format, even with a partition table', async () => {
    const bytes = partitioned(64 * 512);
    bytes.write('QFI\xfb', 0, 'latin1');
    await expect(withImage(rawFile('qcow.img', bytes), contentsOf)).rejects.toThrow(/a QCOW disk image/);
  });

  it('is padded with zeros to whole sectors, with a warning', async () => {
    const bytes = pattern(4, 1000);
    const warnings: string[] = [];
    const options = { ...RAW, onWarning: ({ message }: { message: string }) => warnings.push(message) };
    await withImage(
      rawFile('odd.img', bytes),
      async (image) => {
        expect(image.size).toBe(1024);
        expect(await readRange(image, 0, 1024)).toEqual(Buffer.concat([bytes, Buffer.alloc(24)]));
        expect(await readRange(image, 512, 512)).toEqual(Buffer.concat([bytes.subarray(512), Buffer.alloc(24)]));
      },
      options,
    );
    expect(warnings).toEqual([expect.stringMatching(/has 1000 bytes.*reads it as a disk of 1024 bytes/)]);
  });

  it('reports where its data lies in the file, except for the padding', async () => {
    const path = rawFile('located.img', pattern(4, 1000));
    await withImage(
      path,
      async (image) => {
        expect(await image.locate?.({ offset: 0, length: 512 })).toEqual({ fd: expect.any(Number), position: 0 });
        expect(await image.locate?.({ offset: 512, length: 512 })).toBeUndefined();
      },
      RAW,
    );
  });

  it('is refused if it is empty', async () => {
    const opening = withImage(rawFile('empty.img', Buffer.alloc(0)), contentsOf, RAW);
    await expect(opening).rejects.toThrow(CorruptImageError);
  });

  it('has the same id and footer each time, and different ones from another disk', async () => {
    const footerOf = async (path: string): Promise<Buffer> =>
      await withImage(path, async (image) => await Promise.resolve(Buffer.from(asFixedVhd(image).footer)), RAW);
    const path = rawFile('one.img', pattern(5, 4096));
    const footer = await footerOf(path);
    copyFileSync(path, at('copy.img'));
    utimesSync(at('copy.img'), 1, 1);
    expect(await footerOf(at('copy.img'))).toEqual(footer);
    expect(await footerOf(rawFile('other.img', pattern(6, 4096)))).not.toEqual(footer);
    await withImage(
      path,
      async (image) => {
        // UUID version 8, variant 10: RFC 9562.
        expect(Buffer.from(image.diskId).toString('hex')).toMatch(/^.{12}8.{3}[89ab].{15}$/);
        expect(image.files).toEqual([
          expect.objectContaining({ name: 'one.img', size: 4096, diskId: Buffer.from(image.diskId).toString('hex') }),
        ]);
        await image.assertUnchanged();
      },
      RAW,
    );
  });

  it('detects that its file changed', async () => {
    const path = rawFile('growing.img', pattern(7, 4096));
    await withImage(
      path,
      async (image) => {
        appendFileSync(path, 'more');
        await expect(image.assertUnchanged()).rejects.toThrow(ImageChangedError);
      },
      RAW,
    );
  });
});

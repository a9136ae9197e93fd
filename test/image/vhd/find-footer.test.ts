import { readFile, truncate } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CorruptImageError } from '../../../src/errors.ts';
import { openDiskImage } from '../../../src/image/open-disk-image.ts';
import { diskOf, patchFile, patternOf, type VhdDescription } from '../../support/vhd-builder.ts';
import { buildTemporary, expectSameBytes, failureOf, openWatched, readDisk } from '../../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const contents = [{ offset: 8192, bytes: patternOf(1, 4096) }];
const dynamic: VhdDescription = { type: 'dynamic', size: 4 * MIB, contents };

describe('the footer of a dynamic VHD', () => {
  it('is read from the end, without a warning, when both copies are valid', async () => {
    const { path } = await buildTemporary(dynamic);
    const { image, warnings } = await openWatched(path);
    expect(image.format).toBe('vhd-dynamic');
    expect(warnings).toEqual([]);
  });

  it('is read from the end, with a warning, when the copy at the beginning is damaged', async () => {
    const { path } = await buildTemporary(dynamic);
    await patchFile(path, 100, Uint8Array.of(1));
    const { image, warnings, messages } = await openWatched(path);
    expect(warnings).toEqual(['footer-copy-damaged']);
    expect(messages[0]).toMatch(/its checksum is 0x[0-9a-f]{8}, but its bytes give 0x[0-9a-f]{8}/);
    expectSameBytes(await readDisk(image), diskOf(4 * MIB, contents));
  });

  it('is read from the end, with a warning, when there is no copy at the beginning', async () => {
    const { path } = await buildTemporary({ ...dynamic, footers: 'tail' });
    const { warnings, messages } = await openWatched(path);
    expect(warnings).toEqual(['footer-copy-damaged']);
    expect(messages[0]).toContain('it is missing');
  });

  it('is read from the beginning, with a warning, when the end is damaged', async () => {
    const { path, footerOffset } = await buildTemporary(dynamic);
    await patchFile(path, footerOffset + 100, Uint8Array.of(1));
    const { image, warnings } = await openWatched(path);
    expect(warnings).toEqual(['footer-damaged']);
    expectSameBytes(await readDisk(image), diskOf(4 * MIB, contents));
  });

  it('is read from the beginning, with a warning, when the end is missing', async () => {
    const { path } = await buildTemporary({ ...dynamic, footers: 'head' });
    const { image, warnings, messages } = await openWatched(path);
    expect(warnings).toEqual(['footer-damaged']);
    expect(messages[0]).toContain('may have been truncated');
    expectSameBytes(await readDisk(image), diskOf(4 * MIB, contents));
  });

  it('is read from the beginning when the end is all zeros, with a warning that the copy of the file did not finish', async () => {
    const { path, footerOffset } = await buildTemporary(dynamic);
    await patchFile(path, footerOffset, new Uint8Array(512));
    const { warnings, messages } = await openWatched(path);
    expect(warnings).toEqual(['footer-damaged']);
    expect(messages[0]).toMatch(/only zeros.* the copy that created it did not finish\. .*compare the file/);
  });

  it('does not hide that blocks are missing as well', async () => {
    const { path, footerOffset } = await buildTemporary(dynamic);
    await truncate(path, footerOffset - 512);
    const error = await failureOf(openDiskImage(path));
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toMatch(
      new RegExp(
        `disk\\.vhd: the file was truncated. It has ${footerOffset - 512} bytes; its blocks need ${footerOffset} and the`,
      ),
    );
  });

  it.each([
    ['current size', (footer: Buffer) => footer.writeBigUInt64BE(BigInt(6 * MIB), 48)],
    ['disk type', (footer: Buffer) => footer.writeUInt32BE(4, 60)],
    ['unique id', (footer: Buffer) => footer.writeUInt8(footer.readUInt8(70) ^ 1, 70)],
    ['data offset', (footer: Buffer) => footer.writeBigUInt64BE(1024n, 16)],
  ])('is refused when two valid copies have a different %s', async (name, edit) => {
    const editFooter = (footer: Buffer, copy: 'head' | 'tail') => void (copy === 'head' && edit(footer));
    const { path } = await buildTemporary({ ...dynamic, editFooter });
    const error = await failureOf(openDiskImage(path));
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toContain(`its two copies differ in the ${name}`);
  });

  it('may differ between its copies in fields that do not matter', async () => {
    const editFooter = (footer: Buffer, copy: 'head' | 'tail') =>
      void footer.writeUInt32BE(copy === 'head' ? 1 : 2, 24);
    const { path } = await buildTemporary({ ...dynamic, editFooter });
    const { image, warnings } = await openWatched(path);
    expect(image.timestamp).toBe(2);
    expect(warnings).toEqual([]);
  });

  it('is refused with both checksums when neither copy is valid', async () => {
    const { path, footerOffset } = await buildTemporary(dynamic);
    for (const offset of [100, footerOffset + 100]) await patchFile(path, offset, Uint8Array.of(1));
    const error = await failureOf(openDiskImage(path));
    expect(error).toBeInstanceOf(CorruptImageError);
    expect(error.message).toMatch(
      new RegExp(`footer at ${footerOffset} of .*its checksum is 0x[0-9a-f]{8}, but its bytes give 0x[0-9a-f]{8}`),
    );
  });

  it('may have 511 bytes, as old Virtual PC wrote it', async () => {
    const { path, fileSize } = await buildTemporary({ ...dynamic, footerLength: 511 });
    expect(fileSize % 512).toBe(511);
    const { image, warnings } = await openWatched(path);
    expect(warnings).toEqual([]);
    expectSameBytes(await readDisk(image), diskOf(4 * MIB, contents));
  });

  it('may follow the last block after a gap', async () => {
    const { path } = await buildTemporary({ ...dynamic, gapBeforeFooter: 3584 });
    const { image } = await openWatched(path);
    expectSameBytes(await readDisk(image), diskOf(4 * MIB, contents));
  });
});

describe('the footer of a fixed VHD', () => {
  const fixed: VhdDescription = { type: 'fixed', size: 4 * MIB, contents };

  it('is never read from the beginning, where a fixed VHD has its data', async () => {
    const editFooter = (footer: Buffer) => void footer.writeUInt32BE(2, 60);
    const { path } = await buildTemporary({ ...dynamic, editFooter, footers: 'head' });
    expect((await failureOf(openDiskImage(path))).message).toContain('no VHD footer');
  });

  it('may have 511 bytes, as old Virtual PC wrote it', async () => {
    const { path } = await buildTemporary({ ...fixed, footerLength: 511 });
    const { image } = await openWatched(path);
    expect(image.size).toBe(4 * MIB);
    expectSameBytes(await readDisk(image), diskOf(4 * MIB, contents));
  });

  it('takes precedence over whatever the disk begins with: a VHD inside a VHD', async () => {
    const inner = await buildTemporary(dynamic);
    const innerBytes = await readFile(inner.path);
    const { path } = await buildTemporary({ ...fixed, contents: [{ offset: 0, bytes: innerBytes.subarray(0, 4096) }] });
    const { image, warnings } = await openWatched(path);
    expect(image.format).toBe('vhd-fixed');
    expect(warnings).toEqual([]);
    expectSameBytes((await readDisk(image)).subarray(0, 4096), innerBytes.subarray(0, 4096));
  });

  it('takes precedence even when it is damaged: the VHD inside is not opened instead', async () => {
    const inner = await buildTemporary(dynamic);
    const innerBytes = await readFile(inner.path);
    const { path, footerOffset } = await buildTemporary({
      ...fixed,
      contents: [{ offset: 0, bytes: innerBytes.subarray(0, 4096) }],
    });
    await patchFile(path, footerOffset + 100, Uint8Array.of(1));
    expect(await failureOf(openDiskImage(path))).toBeInstanceOf(CorruptImageError);
  });

  it('is refused with both checksums when it is damaged', async () => {
    const { path, footerOffset } = await buildTemporary(fixed);
    await patchFile(path, footerOffset + 64, Uint8Array.of(1, 2, 3, 4));
    const error = await failureOf(openDiskImage(path));
    expect(error.message).toMatch(/its checksum is 0x01020304, but its bytes give 0x[0-9a-f]{8}/);
  });
});

it('causes a warning if the VM was suspended', async () => {
  const { path } = await buildTemporary({ ...dynamic, savedState: true });
  const { warnings } = await openWatched(path);
  expect(warnings).toEqual(['saved-state']);
});

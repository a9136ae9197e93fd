// The order of the writes of a dynamic image, and what a failed one does to the next. LocalFile is observed, not replaced.
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MIB } from '../../src/base/byte-range.ts';
import { LocalFileError } from '../../src/errors.ts';
import { LocalFile } from '../../src/target/local-file.ts';
import type { LocalImage, LocalImageFormat } from '../../src/target/local-image.ts';
import { openLocalImage } from '../../src/target/open-local-image.ts';
import { patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const SIGNAL = new AbortController().signal;
/** The header of a block of a dynamic VHD: its sector bitmap. */
const isHeader = (bytes: Uint8Array) => bytes.length === 512 && bytes.every((byte) => byte === 0xff);

afterEach(() => vi.restoreAllMocks());

async function openImage(format: LocalImageFormat = 'vhd-dynamic') {
  const path = join(await temporaryFolder(), 'disk');
  const options = { path, format, diskSize: 9 * MIB, diskId: uniqueIdOf(1), timestamp: 1, overwrite: false };
  return { target: await openLocalImage(options), folder: dirname(path) };
}

function writePage(target: LocalImage, offset: number): Promise<void> {
  return target.write({ range: { offset, length: 512 }, bytes: patternOf(1, 512) }, SIGNAL);
}

describe('BlockImage', () => {
  it('flushes the data before it writes the BAT, and then flushes the BAT', async () => {
    const { target } = await openImage('vhdx');
    await writePage(target, 0);
    const events: string[] = [];
    vi.spyOn(LocalFile.prototype, 'sync').mockImplementation(async () => void events.push('flush'));
    vi.spyOn(LocalFile.prototype, 'writeAt').mockImplementation(
      async (position) => void events.push(`write ${position}`),
    );
    await target.checkpoint();
    expect(events).toEqual(['flush', `write ${3 * MIB}`, 'flush']);
    events.length = 0;
    await target.checkpoint();
    expect(events).toEqual(['flush']);
    await target.abandon();
  });

  it('writes the structures that make the file valid after everything else is flushed', async () => {
    const { target } = await openImage();
    await writePage(target, 0);
    await target.checkpoint();
    const events: string[] = [];
    vi.spyOn(LocalFile.prototype, 'sync').mockImplementation(async () => void events.push('flush'));
    vi.spyOn(LocalFile.prototype, 'writeAt').mockImplementation(
      async (position) => void events.push(`write ${position}`),
    );
    await target.finish();
    expect(events).toEqual(['flush', `write ${4096 + 2 * MIB}`, 'write 0', 'flush']);
  });

  it('does not finish a checkpoint before the headers of its blocks are written', async () => {
    const { target } = await openImage();
    const events: string[] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    vi.spyOn(LocalFile.prototype, 'length').mockResolvedValue(9 * MIB);
    vi.spyOn(LocalFile.prototype, 'sync').mockImplementation(async () => void events.push('flush'));
    vi.spyOn(LocalFile.prototype, 'writeAt').mockImplementation(async (_, bytes) => {
      if (!isHeader(bytes)) return;
      await released;
      events.push('header');
    });
    const writes = Promise.all([writePage(target, 0), writePage(target, MIB)]);
    const saved = target.checkpoint();
    // Nothing else can be waiting: no call reaches the file.
    await turn();
    release();
    await Promise.all([writes, saved]);
    expect(events).toEqual(['header', 'flush', 'flush']);
    await target.abandon();
  });

  it('fails all later writes to a block whose header was not written, and all checkpoints', async () => {
    const { target, folder } = await openImage();
    const { writeAt } = LocalFile.prototype;
    let isFull = true;
    vi.spyOn(LocalFile.prototype, 'writeAt').mockImplementation(async function (this: LocalFile, position, bytes) {
      if (isFull && isHeader(bytes)) throw new LocalFileError('the disk is full');
      await writeAt.call(this, position, bytes);
    });
    expect((await failureOf(writePage(target, 0))).message).toBe('the disk is full');
    isFull = false;
    expect((await failureOf(writePage(target, MIB))).message).toBe('the disk is full');
    await writePage(target, 4 * MIB);
    expect((await failureOf(target.checkpoint())).message).toBe('the disk is full');
    expect((await failureOf(target.finish())).message).toBe('the disk is full');
    await target.abandon();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['vhd-dynamic', 'vhdx', 'vhd', 'raw'] as const)(
    'fails all checkpoints and the end of a %s after a failed flush',
    async (format) => {
      const { target, folder } = await openImage(format);
      await writePage(target, 0);
      vi.spyOn(LocalFile.prototype, 'sync').mockRejectedValueOnce(new LocalFileError('the disk reports an error'));
      expect((await failureOf(target.checkpoint())).message).toBe('the disk reports an error');
      expect((await failureOf(target.checkpoint())).message).toBe('the disk reports an error');
      expect((await failureOf(target.finish())).message).toBe('the disk reports an error');
      await target.abandon();
      expect(await readdir(folder)).toEqual([]);
    },
  );
});

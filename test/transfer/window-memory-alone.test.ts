// WindowMemory and ContentMd5 without worker threads: slower, with the same results.
import { createHash } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { ContentMd5 } from '../../src/upload/content-md5.ts';
import { KNOWN_CRC64 } from '../support/checksums.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { memoryFor } from '../support/window-memory.ts';

vi.mock('../../src/base/worker-thread.ts', async (importOriginal) => ({
  ...(await importOriginal<typeof import('../../src/base/worker-thread.ts')>()),
  startWorker: () => {
    throw new Error('There are no threads here.');
  },
}));

it.each(KNOWN_CRC64)('returns the CRC64 that Azure Storage expects for %s', async (_, bytes, expected) => {
  const memory = memoryFor('crc64');
  const buffer = memory.take();
  buffer.set(bytes);
  const checksum = await memory.checksum(buffer.subarray(0, bytes.length));
  expect(Buffer.from(checksum?.value ?? []).toString('base64')).toBe(expected);
});

it('returns the MD5 of a run', async () => {
  const memory = memoryFor('md5');
  const buffer = memory.take();
  buffer.set(patternOf(1, 4096));
  const value = Uint8Array.from(createHash('md5').update(patternOf(1, 4096)).digest());
  expect(await memory.checksum(buffer.subarray(0, 4096))).toEqual({ algorithm: 'md5', value });
});

it('leaves reading to the caller', async () => {
  const memory = memoryFor('crc64');
  expect(await memory.read({ fd: 0, position: 0 }, memory.take())).toBeUndefined();
});

it('computes the MD5 of a whole VHD', async () => {
  const disk = new Uint8Array(40 * 1024 * 1024);
  disk.set(patternOf(2, 1024 * 1024), 20 * 1024 * 1024);
  const footer = patternOf(3, 512);
  const view = {
    size: disk.length + 512,
    diskSize: disk.length,
    footer,
    async *extents() {
      yield await Promise.resolve({ offset: 20 * 1024 * 1024, length: 1024 * 1024 });
    },
    read: ({ offset, length }: { offset: number; length: number }, into: Uint8Array) => {
      into.set(disk.subarray(offset, offset + length));
      return Promise.resolve();
    },
    locate: () => Promise.resolve(undefined),
  };
  const md5 = new ContentMd5(view, new AbortController().signal, () => undefined);
  const digest = Buffer.from(await md5.digest(() => undefined));
  await md5.close();
  expect(digest).toEqual(createHash('md5').update(disk).update(footer).digest());
});

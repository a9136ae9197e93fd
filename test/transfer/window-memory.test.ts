import { createHash } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { crc64ByDefinition, crc64ByTable, KNOWN_CRC64 } from '../support/checksums.ts';
import { failureOf } from '../support/vhd-fixtures.ts';
import { memoryFor } from '../support/window-memory.ts';

const base64 = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64');

describe('WindowMemory', () => {
  it('returns memory for whole windows that do not overlap, and reuses returned memory', () => {
    const memory = memoryFor('none');
    const buffers = [memory.take(), memory.take(), memory.take()];
    for (const [index, buffer] of buffers.entries()) buffer.fill(index + 1);
    for (const [index, buffer] of buffers.entries()) {
      expect(buffer.length).toBe(WINDOW_SIZE);
      expect([buffer[0], buffer[WINDOW_SIZE - 1]]).toEqual([index + 1, index + 1]);
    }
    const offsets = buffers.map(({ byteOffset }) => byteOffset);
    for (const buffer of buffers) memory.giveBack(buffer);
    expect([memory.take(), memory.take(), memory.take()].map(({ byteOffset }) => byteOffset).sort()).toEqual(
      offsets.sort(),
    );
  });

  it.each(KNOWN_CRC64)('returns the CRC64 that Azure Storage expects for %s', async (_, bytes, expected) => {
    const memory = memoryFor('crc64');
    const buffer = memory.take();
    buffer.set(bytes);
    const checksum = await memory.checksum(buffer.subarray(0, bytes.length));
    expect(checksum?.algorithm).toBe('crc64');
    expect(base64(checksum?.value)).toBe(expected);
  });

  it('returns the CRC64 of any run of pages in any window, many in parallel', async () => {
    const memory = memoryFor('crc64');
    const buffers = [memory.take(), memory.take(), memory.take()];
    for (const [seed, buffer] of buffers.entries()) {
      for (let at = 0; at < buffer.length; at++) buffer[at] = (at * 31 + (at >>> 9) * 17 + seed) & 0xff;
    }
    const lastPage = WINDOW_SIZE / 512 - 3;
    const anyRun = fc.record({ window: fc.nat(2), page: fc.nat(lastPage), pages: fc.integer({ min: 1, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(anyRun, { minLength: 1, maxLength: 6 }), async (runs) => {
        const parts = runs.map(
          ({ window, page, pages }) => buffers[window]?.subarray(page * 512, (page + pages) * 512) ?? new Uint8Array(0),
        );
        const checksums = await Promise.all(parts.map((part) => memory.checksum(part)));
        expect(checksums.map((checksum) => base64(checksum?.value))).toEqual(
          parts.map((part) => base64(crc64ByDefinition(part))),
        );
      }),
      { numRuns: 20 },
    );
  });

  it('returns the MD5', async () => {
    const memory = memoryFor('md5');
    const buffer = memory.take();
    buffer.fill(7);
    const part = buffer.subarray(1024, 5120);
    expect(await memory.checksum(part)).toEqual({
      algorithm: 'md5',
      value: Uint8Array.from(createHash('md5').update(Uint8Array.from(part)).digest()),
    });
  });

  describe.each([
    ['one after the other', Number.POSITIVE_INFINITY],
    ['side by side, as if each took long', 0],
  ])('reads pieces of a file %s', (_, slowReadMs) => {
    /** Three windows of non-zero bytes, and one page of zeros. */
    const contents = Buffer.alloc(3 * WINDOW_SIZE);
    for (let at = 0; at < contents.length; at += 4) contents.writeUInt32LE((at * 2_654_435_761 + 1) >>> 0 || 1, at);
    const ZERO_PAGE = 2 * WINDOW_SIZE + 256 * 1024;
    contents.fill(0, ZERO_PAGE, ZERO_PAGE + 512);

    async function openFile(): Promise<FileHandle> {
      const folder = await mkdtemp(join(tmpdir(), 'vhdup-'));
      await writeFile(join(folder, 'file'), contents);
      const file = await open(join(folder, 'file'));
      onTestFinished(async () => {
        await file.close();
        await rm(folder, { recursive: true });
      });
      return file;
    }

    it.each(['crc64', 'md5'] as const)('with their %s, many in parallel', async (algorithm) => {
      const { fd } = await openFile();
      const memory = memoryFor(algorithm, slowReadMs);
      const pieces = Array.from({ length: 8 }, (_, index) => ({
        position: index * 512 * 37,
        length: 512 * (8192 - index),
      }));
      const read = pieces.map(async ({ position, length }) => {
        const bytes = memory.take().subarray(0, length);
        return { bytes, window: await memory.read({ fd, position }, bytes) };
      });
      for (const [index, { bytes, window }] of (await Promise.all(read)).entries()) {
        const { position, length } = pieces[index] ?? { position: 0, length: 0 };
        const expected = contents.subarray(position, position + length);
        expect(Buffer.compare(Buffer.from(bytes), expected)).toBe(0);
        const crc = Buffer.alloc(8);
        crc.writeBigUInt64LE(crc64ByTable(expected));
        const value = algorithm === 'crc64' ? crc : createHash('md5').update(expected).digest();
        expect(window?.checksum?.algorithm).toBe(algorithm);
        expect(base64(window?.checksum?.value)).toBe(base64(value));
      }
    });

    it('without a checksum if a page of zeros is found: less data may be sent then', async () => {
      const { fd } = await openFile();
      const memory = memoryFor('crc64', slowReadMs);
      const bytes = memory.take();
      expect(await memory.read({ fd, position: 2 * WINDOW_SIZE }, bytes)).toEqual({ checksum: undefined });
      expect(Buffer.compare(Buffer.from(bytes), contents.subarray(2 * WINDOW_SIZE))).toBe(0);
      // At the end too.
      const cut = bytes.subarray(0, 256 * 1024 + 512);
      expect(await memory.read({ fd, position: 2 * WINDOW_SIZE }, cut)).toEqual({ checksum: undefined });
    });

    it('or reports failure if the file is too short or cannot be read', async () => {
      const { fd } = await openFile();
      const memory = memoryFor('crc64', slowReadMs);
      const bytes = memory.take();
      expect(await memory.read({ fd, position: contents.length - 512 }, bytes)).toBeUndefined();
      const folder = await open(tmpdir());
      onTestFinished(() => folder.close());
      expect(await memory.read({ fd: folder.fd, position: 0 }, bytes)).toBeUndefined();
      // The worker still works.
      expect(await memory.read({ fd, position: 0 }, bytes)).toBeDefined();
    });

    it('not without an algorithm', async () => {
      const { fd } = await openFile();
      const memory = memoryFor('none', slowReadMs);
      expect(await memory.read({ fd, position: 0 }, memory.take())).toBeUndefined();
    });
  });

  it('fails instead of waiting forever once its threads have exited', async () => {
    for (const algorithm of ['crc64', 'md5'] as const) {
      const memory = memoryFor(algorithm);
      const part = memory.take().subarray(0, 512);
      const underWay = failureOf(memory.checksum(part));
      const reading = failureOf(memory.read({ fd: 0, position: 0 }, part));
      await memory.close();
      expect((await underWay).message).toContain('The thread that reads and computes checksums ended');
      expect((await reading).message).toContain('The thread that reads and computes checksums ended');
      expect((await failureOf(memory.checksum(part))).message).toContain(
        'The thread that reads and computes checksums ended',
      );
    }
  });

  it('returns nothing without an algorithm', async () => {
    const memory = memoryFor('none');
    expect(await memory.checksum(memory.take().subarray(0, 512))).toBeUndefined();
  });
});

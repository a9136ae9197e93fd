import { appendFile, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WINDOW_SIZE } from '../../src/base/byte-range.ts';
import { LocalFileError, VerificationError } from '../../src/errors.ts';
import { decodeLine, type ManifestEnd, type ManifestHeader, type SentRun } from '../../src/state/manifest.ts';
import { ManifestReader } from '../../src/state/manifest-reader.ts';
import { checkManifestPath, ManifestWriter } from '../../src/state/manifest-writer.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const BLOB_SIZE = 100 * WINDOW_SIZE + 512;
const HEADER: ManifestHeader = {
  uploadId: '5f0c2a52-59b4-4f0f-9d7c-2f6a0a5d7b11',
  startedAt: '2026-03-01T10:00:00.000Z',
  image: [{ name: 'disk.vhd', size: 1024, modifiedMs: 0, diskId: '0'.repeat(32) }],
  diskSize: 100 * WINDOW_SIZE,
  trustUnmarkedSectors: false,
  blobUrl: 'https://account.blob.core.windows.net/vhds/disk.vhd',
  blobSize: BLOB_SIZE,
  checksum: 'crc64',
};
const END: ManifestEnd = {
  footer: { offset: 100 * WINDOW_SIZE, length: 512, checksum: 'abcd' },
  bytes: 1024,
  pages: '0123456789abcdef',
};

const newPath = async () => join(await temporaryFolder(), 'manifest.jsonl');
const begin = (path: string) => ManifestWriter.open(path, HEADER, { isResumed: false, mayReplace: false });
const goOn = (path: string) => ManifestWriter.open(path, HEADER, { isResumed: true, mayReplace: false });
const runAt = (offset: number, checksum: string): SentRun => ({ offset, length: 512, checksum });
const windowAt = (index: number, ...runs: readonly SentRun[]) => ({
  window: { offset: index * WINDOW_SIZE, length: WINDOW_SIZE },
  runs,
});

async function readerOf(path: string): Promise<ManifestReader> {
  const reader = await ManifestReader.open(path, BLOB_SIZE);
  onTestFinished(() => reader.close());
  return reader;
}

describe('a manifest', () => {
  it('returns what was written, in any order, and the last of two lines for one window', async () => {
    const order = fc.array(fc.tuple(fc.nat(99), fc.array(fc.nat(8191), { maxLength: 64 })), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(order, fc.boolean(), async (windows, isCut) => {
        const path = await newPath();
        let writer = await begin(path);
        const last = new Map<number, readonly SentRun[]>();
        for (const [index, pages] of windows) {
          const runs = pages.map((page, number) => runAt(index * WINDOW_SIZE + page * 512, `${number}`));
          last.set(index, runs);
          writer.windowDone(windowAt(index, ...runs));
          if (index % 3 === 0) await writer.flush();
          if (isCut && index % 7 === 0) {
            await writer.flush();
            await writer.close();
            await appendFile(path, '{"window":[0,41943');
            writer = await goOn(path);
          }
        }
        await writer.complete(END);
        await writer.close();
        const reader = await readerOf(path);
        expect(reader.header).toEqual(HEADER);
        expect(reader.end).toEqual(END);
        for (let index = 0; index < 100; index++) {
          expect(await reader.runsAt(index * WINDOW_SIZE)).toEqual(last.get(index) ?? []);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('is read at any length', async () => {
    const path = await newPath();
    const writer = await begin(path);
    const runs = Array.from({ length: 60 }, (_, index) => runAt(index * 512, 'f'.repeat(32)));
    // Longer than one read.
    for (let round = 0; round < 1000; round++) writer.windowDone(windowAt(round % 100, ...runs, runAt(0, `${round}`)));
    await writer.complete(END);
    await writer.close();
    expect((await readFile(path)).length).toBeGreaterThan(2 * 1024 * 1024);
    const reader = await readerOf(path);
    expect((await reader.runsAt(0)).at(-1)?.checksum).toBe('900');
    expect((await reader.runsAt(99 * WINDOW_SIZE)).at(-1)?.checksum).toBe('999');
  });

  it('completes a line that a full disk truncated', async () => {
    const path = await newPath();
    const writer = await begin(path);
    const handle = await open(path, 'r');
    const prototype = Object.getPrototypeOf(handle) as { write: (...args: unknown[]) => Promise<unknown> };
    await handle.close();
    const { write } = prototype;
    let writes = 0;
    prototype.write = async function (this: unknown, bytes: unknown, offset: unknown, _: unknown, at: unknown) {
      writes += 1;
      if (writes === 1) return await write.call(this, bytes, offset, 10, at);
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC', errno: -28 });
    };
    writer.windowDone(windowAt(1, runAt(WINDOW_SIZE, 'aa')));
    try {
      expect(await failureOf(writer.flush())).toBeInstanceOf(LocalFileError);
    } finally {
      prototype.write = write;
    }
    writer.windowDone(windowAt(2, runAt(2 * WINDOW_SIZE, 'bb')));
    await writer.complete(END);
    await writer.close();
    const reader = await readerOf(path);
    expect(await reader.runsAt(WINDOW_SIZE)).toEqual([runAt(WINDOW_SIZE, 'aa')]);
    expect(await reader.runsAt(2 * WINDOW_SIZE)).toEqual([runAt(2 * WINDOW_SIZE, 'bb')]);
  });

  it('is incomplete without an end, or with anything after it', async () => {
    const path = await newPath();
    const writer = await begin(path);
    await writer.flush();
    expect(await failureOf(ManifestReader.open(path, BLOB_SIZE))).toBeInstanceOf(VerificationError);
    await writer.complete(END);
    await readerOf(path);
    writer.windowDone(windowAt(1));
    await writer.flush();
    expect(await failureOf(ManifestReader.open(path, BLOB_SIZE))).toBeInstanceOf(VerificationError);
    await writer.close();
  });

  it('is refused for a blob of another size', async () => {
    const path = await newPath();
    const writer = await begin(path);
    await writer.complete(END);
    await writer.close();
    expect(await failureOf(ManifestReader.open(path, 1024))).toMatchObject({
      code: 'VERIFICATION',
      message: expect.stringContaining(`upload of ${BLOB_SIZE} bytes`),
    });
  });

  it('is refused with a VhdupError or read, whatever the damage', async () => {
    const path = await newPath();
    const writer = await begin(path);
    for (let index = 0; index < 5; index++) writer.windowDone(windowAt(index, runAt(index * WINDOW_SIZE, 'aa')));
    await writer.complete(END);
    await writer.close();
    const whole = await readFile(path);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        async (at, to, cut) => {
          const damaged = Buffer.from(cut ? whole.subarray(0, at) : whole);
          if (!cut) damaged[at] = to;
          await writeFile(path, damaged);
          try {
            const reader = await ManifestReader.open(path, BLOB_SIZE);
            for (let index = 0; index < 100; index++) await reader.runsAt(index * WINDOW_SIZE);
            await reader.close();
          } catch (error) {
            if (!(error instanceof LocalFileError || error instanceof VerificationError)) throw error;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('refuses a line for an invalid window', () => {
    for (const line of [
      '',
      'null',
      '[]',
      '7',
      '{}',
      '{"window":[0],"runs":[]}',
      '{"window":[0,512],"runs":[[0,-1,""]]}',
    ]) {
      expect(decodeLine(line)).toBeUndefined();
    }
    expect(decodeLine('{"window":[0,512],"runs":[[0,9007199254740993,"aa"]]}')).toBeUndefined();
    expect(decodeLine('{"end":{"footer":[0,512],"bytes":0,"pages":""}}')).toBeUndefined();
  });
});

describe('checkManifestPath', () => {
  it('accepts a free path, and creates nothing', async () => {
    const path = await newPath();
    await checkManifestPath(path);
    expect(await failureOf(readFile(path))).toMatchObject({ code: 'ENOENT' });
  });

  it('refuses a file that is not a manifest', async () => {
    const path = await newPath();
    await writeFile(path, 'mine');
    expect(await failureOf(checkManifestPath(path))).toBeInstanceOf(LocalFileError);
    expect(await failureOf(ManifestWriter.open(path, HEADER, { isResumed: false, mayReplace: true }))).toMatchObject({
      message: expect.stringContaining('is not a vhdup manifest'),
    });
    expect(await readFile(path, 'utf8')).toBe('mine');
  });
});

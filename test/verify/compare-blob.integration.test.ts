import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { FixedVhd } from '../../src/image/vhd/fixed-vhd.ts';
import { WindowMemory } from '../../src/transfer/window-memory.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import { startPageBlobServer } from '../support/page-blob-server/server.ts';
import { buildImage, PIECE, spreadDisk } from '../support/spread-disk.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const DISK = spreadDisk(20);

/** Counts the most windows in use at once. */
function watchMemory(): { readonly memories: Set<WindowMemory>; most: number } {
  const watched = { memories: new Set<WindowMemory>(), most: 0 };
  const { take, giveBack } = WindowMemory.prototype;
  let inUse = 0;
  vi.spyOn(WindowMemory.prototype, 'take').mockImplementation(function (this: WindowMemory) {
    watched.memories.add(this);
    inUse += 1;
    watched.most = Math.max(watched.most, inUse);
    return take.call(this);
  });
  vi.spyOn(WindowMemory.prototype, 'giveBack').mockImplementation(function (this: WindowMemory, buffer) {
    inUse -= 1;
    giveBack.call(this, buffer);
  });
  return watched;
}

/** Reads of the image start but do not end until they are released. */
function holdReads() {
  let letGo: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const reads = { held: 0, letGo: () => letGo?.() };
  const { read } = FixedVhd.prototype;
  vi.spyOn(FixedVhd.prototype, 'read').mockImplementation(async function (this: FixedVhd, range, into) {
    reads.held += 1;
    await gate;
    await read.call(this, range, into);
  });
  return reads;
}

/** Counts the ranges of the blob that have arrived, and whose checksum has been computed. */
function countReceived() {
  const received = { ranges: 0 };
  const { checksum } = WindowMemory.prototype;
  vi.spyOn(WindowMemory.prototype, 'checksum').mockImplementation(async function (this: WindowMemory, bytes) {
    const value = await checksum.call(this, bytes);
    received.ranges += 1;
    return value;
  });
  return received;
}

/** Waits until five windows of the blob have arrived, and everything that needs no further input has happened. */
async function settleDown(received: { readonly ranges: number }): Promise<void> {
  await vi.waitFor(() => expect(received.ranges).toBeGreaterThanOrEqual(5), { timeout: 100_000 });
  for (let count = 0; count < 1000; count++) await turn();
}

afterEach(() => {
  vi.restoreAllMocks();
});

async function diskAndBlob() {
  const server = await startPageBlobServer();
  onTestFinished(() => server.close());
  server.createContainer('vhds');
  const image = await buildImage(DISK, { type: 'fixed' });
  const destination = server.sasUrl({ container: 'vhds', blob: 'disk.vhd', permissions: 'rw' });
  return { image, destination };
}

describe('compareBlob', () => {
  it.each([
    { threads: 'auto', ofImage: 1, most: 7 },
    { threads: 8, ofImage: 2, most: 9 + 2 },
    { threads: 24, ofImage: 3, most: 25 + 3 },
  ] as const)(
    'keeps at most $ofImage windows of the image in memory with $threads threads, besides those of the blob in flight',
    async ({ threads, ofImage, most }) => {
      const options = await diskAndBlob();
      await uploadImage(options);
      const watched = watchMemory();
      const image = holdReads();
      const received = countReceived();
      const verifying = verifyBlob({ ...options, full: true, threads });
      await settleDown(received);
      expect(image.held).toBe(ofImage);
      image.letGo();
      expect((await verifying).matches).toBe(true);
      expect(watched.most).toBeLessThanOrEqual(most);
    },
  );

  it('compares received data even after a stop, because it may have taken long', async () => {
    const options = await diskAndBlob();
    await uploadImage(options);
    const image = holdReads();
    const stop = new AbortController();
    const received = countReceived();
    const stopped = failureOf(verifyBlob({ ...options, full: true, threads: 16, signal: stop.signal }));
    await settleDown(received);
    const reason = new Error('stopped by the test');
    stop.abort(reason);
    image.letGo();
    expect(await stopped).toBe(reason);
    const { readBack, readBackBefore } = await verifyBlob({ ...options, full: true });
    expect(readBackBefore).toBeGreaterThanOrEqual(5 * PIECE);
    expect(readBack + readBackBefore).toBe(20 * PIECE);
  });

  it('uses the memory of the upload that it completes', async () => {
    const options = await diskAndBlob();
    const watched = watchMemory();
    const { verified } = await uploadImage({ ...options, verify: 'full', threads: 4 });
    expect(verified).toBe('full');
    expect(watched.memories.size).toBe(1);
    expect(watched.most).toBeLessThanOrEqual(5 + 3);
  });
});

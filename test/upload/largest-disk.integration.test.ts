// The largest managed disk: 32,767 GiB and the footer of the VHD, uploaded whole from a sparse image with a few pieces of data.
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { type ManagedDisks, startManagedDisks } from '../support/managed-disks.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';
import { buildVhdx, GIB, MIB, pattern } from '../support/vhdx-builder.ts';

/** Source: REST reference of disks, `uploadSizeBytes`. */
const LARGEST_UPLOAD = 35_183_298_347_520;
const LARGEST = LARGEST_UPLOAD - 512;
const BLOCK = 32 * MIB;
const PIECE = 64 * 1024;
/** In the first and the last block, and on both sides of 16 TiB. */
const PLACES = [0, 16_383 * GIB, 16_385 * GIB, LARGEST - BLOCK];
const NAME = 'huge';

let servers: ManagedDisks;

beforeEach(async () => {
  servers = await startManagedDisks({ longRunning: { mode: 'at-once' } });
});

afterEach(() => servers.close());

/** Each place has a piece at the start of its block and one at its end. */
async function makeImage(size: number): Promise<string> {
  const path = join(await temporaryFolder(), 'disk.vhdx');
  buildVhdx(path, {
    size,
    blockSize: BLOCK,
    blocks: PLACES.map((offset, seed) => ({
      index: offset / BLOCK,
      pieces: [0, BLOCK - PIECE].map((at) => ({ at, bytes: pattern(seed, PIECE) })),
    })),
  });
  return path;
}

function optionsFor(image: string, more: Partial<UploadOptions> = {}): UploadOptions {
  return {
    image,
    disk: { name: NAME, location: 'westeurope' },
    resourceGroup: 'rg',
    subscription: servers.subscription,
    armEndpoint: servers.armEndpoint,
    credential: { kind: 'token', source: servers.credential },
    retryDelayMs: 1,
    threads: 2,
    ...more,
  };
}

/** Everything else was never written. */
function expectDiskHoldsPieces(): void {
  const { content, state } = servers.arm.resources.disk(NAME);
  expect(state).toBe('Unattached');
  expect(content.size).toBe(LARGEST_UPLOAD);
  const pieces = PLACES.flatMap((offset, seed) =>
    [0, BLOCK - PIECE].map((at) => ({ offset: offset + at, bytes: pattern(seed, PIECE) })),
  );
  for (const { offset, bytes } of pieces) {
    expect(content.read(offset, PIECE).equals(bytes), `the bytes at ${offset}`).toBe(true);
  }
  const written = [...content.ranges()].reduce((sum, { length }) => sum + length, 0);
  expect(written).toBe(pieces.length * PIECE + 512);
  const footer = content.read(LARGEST, 512);
  expect(footer.toString('latin1', 0, 8)).toBe('conectix');
  expect(footer.readBigUInt64BE(48)).toBe(BigInt(LARGEST));
  expect(servers.violations).toEqual([]);
}

describe('a disk of 32,767 GiB', () => {
  it('is uploaded whole, and only its data is read and sent', async () => {
    const result = await uploadImage(optionsFor(await makeImage(LARGEST)));
    expectDiskHoldsPieces();
    expect(result).toMatchObject({ blobSize: LARGEST_UPLOAD, read: PLACES.length * BLOCK });
    expect(result.requests).toBeLessThan(40);
  });

  it('resumes after a stop, and reads back only what was sent before', async () => {
    const image = await makeImage(LARGEST);
    const stop = new AbortController();
    const reason = new Error('stopped by the test');
    const stopping = servers.disks
      .when(() => servers.disks.counters.bytesCommitted >= 3 * PIECE)
      .then(() => stop.abort(reason));
    servers.disks.behaviour.etag = false;
    expect(await failureOf(uploadImage(optionsFor(image, { threads: 1, signal: stop.signal })))).toBe(reason);
    await stopping;
    const result = await uploadImage(optionsFor(image));
    expect(result).toMatchObject({ verified: 'unverified' });
    expect(result.sentBefore).toBeGreaterThan(0);
    expectDiskHoldsPieces();
  });

  it('is refused before anything is sent if it is a MiB larger, with both sizes', async () => {
    const image = await makeImage(LARGEST + MIB);
    for (const skipChecks of [false, true]) {
      const failure = await failureOf(uploadImage(optionsFor(image, { skipChecks })));
      expect(failure.message).toMatch(/32,?767 GiB/);
      expect(failure.message).toContain(`${LARGEST} bytes`);
      expect(failure.message).toContain(`${LARGEST + MIB} bytes`);
    }
    expect(servers.calls).toEqual([]);
  });

  it('is refused in the same way for a disk that was created too small, after one look at it', async () => {
    servers.arm.resources.createDisk({ name: 'small', uploadSizeBytes: LARGEST_UPLOAD });
    const { disk: _, ...others } = optionsFor(await makeImage(LARGEST + MIB), { skipChecks: true });
    const destination = servers.arm.resources.grantAccess('small', 'Write', 3600);
    const { resourceGroup: _group, subscription: _s, armEndpoint: _a, credential: _c, ...options } = others;
    const failure = await failureOf(uploadImage({ ...options, destination }));
    expect(failure.message).toContain(String(LARGEST_UPLOAD));
    expect(failure.message).toContain(String(LARGEST_UPLOAD + MIB));
    expect(servers.calls.filter((call) => call.includes('PutPage'))).toEqual([]);
  });
});

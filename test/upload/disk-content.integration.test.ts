// Uploads to the content of a managed disk, with the SAS that was granted by hand.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { type ManagedDisks, startManagedDisks } from '../support/managed-disks.ts';
import { buildVhd, diskOf, patternOf, uniqueIdOf } from '../support/vhd-builder.ts';
import { expectSameBytes, failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const SIZE = 24 * MIB;
const DATA = MIB / 4;
const CONTENTS = [0, 4, 8, 16, 20].map((offset, index) => ({ offset: offset * MIB, bytes: patternOf(index, DATA) }));

let servers: ManagedDisks;

beforeEach(async () => {
  await servers?.close();
  servers = await startManagedDisks();
});

afterAll(async () => {
  expect(servers.violations).toEqual([]);
  await servers.close();
});

async function makeImage() {
  const path = join(await temporaryFolder(), 'disk.vhd');
  await buildVhd(path, { type: 'dynamic', size: SIZE, contents: CONTENTS, uniqueId: uniqueIdOf(1) });
  return { path, checkpoint: `${path}.vhdup.json`, disk: diskOf(SIZE, CONTENTS) };
}

/** A disk that waits for its upload, and the URL that granting access to it returned. */
function grantDisk(uploadSizeBytes = SIZE + 512) {
  servers.arm.resources.createDisk({ name: 'web01-os', uploadSizeBytes });
  return servers.arm.resources.grantAccess('web01-os', 'Write', 86_400);
}

function optionsFor(image: string, destination: string, more: Partial<UploadOptions> = {}): UploadOptions {
  return { image, destination, retryDelayMs: 1, maxRetryDelayMs: 20, threads: 2, ...more };
}

const content = () => servers.arm.resources.disk('web01-os').content;

function expectDiskHolds(disk: Uint8Array): void {
  expectSameBytes(content().read(0, SIZE), disk);
  expect(content().read(SIZE, 8).toString('latin1')).toBe('conectix');
  expect(servers.violations).toEqual([]);
}

/** Writes as another program with a SAS for the disk does. */
function writeForeign(offset: number, length: number): void {
  const { pages } = servers.arm.resources.disk('web01-os');
  if (pages === undefined) throw new Error('Nobody has access to the disk.');
  servers.disks.writePages(pages, offset, patternOf(99, length));
}

describe('an upload to a managed disk by its SAS', () => {
  it('B11: sends the fixed VHD, and only requests that disks accept', async () => {
    const { path, disk } = await makeImage();
    const result = await uploadImage(optionsFor(path, grantDisk()));
    expect(result).toMatchObject({ verified: 'ranges', blobSize: SIZE + 512 });
    expectDiskHolds(disk);
    expect(result.sent, 'zeros are left out of a new disk').toBe(CONTENTS.length * DATA + 512);
    expect(servers.arm.resources.disk('web01-os').state, 'somebody else ends the access').toBe('ActiveUpload');
  });

  it('reads everything back if asked', async () => {
    const { path, disk } = await makeImage();
    expect(await uploadImage(optionsFor(path, grantDisk(), { verify: 'full' }))).toMatchObject({ verified: 'full' });
    expectDiskHolds(disk);
  });

  it.each([SIZE + 1024, SIZE + MIB + 512])(
    'B11: is refused before it sends anything to a disk of %i bytes',
    async (size) => {
      const { path } = await makeImage();
      const failure = await failureOf(uploadImage(optionsFor(path, grantDisk(size))));
      expect(failure.message).toContain(`uploadSizeBytes ${SIZE + 512}`);
      expect(servers.calls.filter((call) => call.includes('PutPage'))).toEqual([]);
    },
  );

  it('resumes after a stop, and reads back only what is not proved', async () => {
    const { path, disk } = await makeImage();
    const url = grantDisk();
    await stopOnce(path, url);
    const puts = servers.calls.filter((call) => call === 'disk PutPage').length;
    const result = await uploadImage(optionsFor(path, url));
    expectDiskHolds(disk);
    expect(result.sentBefore).toBeGreaterThan(0);
    expect(result.verified, 'the ETag of the stop proves it').toBe('ranges');
    expect(puts).toBeGreaterThan(0);
  });

  it('finds a foreign write between two runs', async () => {
    const { path } = await makeImage();
    const url = grantDisk();
    await stopOnce(path, url);
    writeForeign(0, 512);
    expect((await failureOf(uploadImage(optionsFor(path, url)))).message).toContain('does not match the image');
    expect(servers.violations).toEqual([]);
  });

  it('sends everything again, also zeros, if the disk holds other pages than were sent', async () => {
    const { path, disk } = await makeImage();
    const url = grantDisk();
    await stopOnce(path, url);
    writeForeign(MIB, 4096);
    await uploadImage(optionsFor(path, url));
    expectDiskHolds(disk);
  });

  it('never writes over data that it does not know, unless that is allowed', async () => {
    const { path, disk } = await makeImage();
    const url = grantDisk();
    writeForeign(2 * MIB, 4096);
    const failure = await failureOf(uploadImage(optionsFor(path, url)));
    expect(failure.message).toContain('--resume-from-blob');
    expect(failure.message).toContain('--overwrite');
    await uploadImage(optionsFor(path, url, { overwrite: true }));
    expectDiskHolds(disk);
  });

  it('resumes without its checkpoint from the pages of the disk, and reads them back', async () => {
    const { path, checkpoint, disk } = await makeImage();
    const url = grantDisk();
    await stopOnce(path, url);
    await rm(checkpoint);
    const result = await uploadImage(optionsFor(path, url, { resumeFromBlob: true }));
    expectDiskHolds(disk);
    expect(result.verified).toBe('unverified');
  });

  it.each(['UnsupportedHeader', 'InvalidHeaderValue'] as const)(
    'warns and reads everything back if the disk answers %s to checksums',
    async (crc64) => {
      const { path, disk } = await makeImage();
      servers.disks.behaviour.crc64 = crc64;
      const warnings: string[] = [];
      const onEvent = (event: UploadEvent) => {
        if (event.type === 'warning') warnings.push(event.code);
      };
      const result = await uploadImage(optionsFor(path, grantDisk(), { onEvent }));
      expect(warnings.filter((code) => code === 'no-checksums')).toHaveLength(1);
      expect(result.verified).toBe('unverified');
      expectDiskHolds(disk);
    },
  );

  it.each(['full', undefined] as const)('needs no ETag, neither to read back nor to resume (%s)', async (verify) => {
    const { path, disk } = await makeImage();
    servers.disks.behaviour.etag = false;
    servers.disks.behaviour.lastModified = false;
    const url = grantDisk();
    await stopOnce(path, url);
    const result = await uploadImage(optionsFor(path, url, verify === undefined ? {} : { verify }));
    expect(result.verified, 'nothing else proves what was sent before').toBe(verify ?? 'unverified');
    expectDiskHolds(disk);
  });

  it('writes nothing secret into its checkpoint', async () => {
    const { path, checkpoint } = await makeImage();
    const url = grantDisk();
    await stopOnce(path, url);
    const text = await readFile(checkpoint, 'utf8');
    for (const secret of servers.secrets) expect(text).not.toContain(secret);
  });
});

/** Stops an upload in an orderly way when its first windows are done. */
async function stopOnce(path: string, url: string): Promise<void> {
  const stop = new AbortController();
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'progress' && event.sent > 2 * DATA) stop.abort(new Error('stopped by the test'));
  };
  const failure = await failureOf(uploadImage(optionsFor(path, url, { threads: 1, signal: stop.signal, onEvent })));
  expect(failure.message).toBe('stopped by the test');
}

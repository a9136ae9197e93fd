// Managed disks that do not list their pages. Any page may hold data, so zeros are sent, and everything is read back.
import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import {
  DATA,
  diskThere,
  expectDiskHolds,
  MIB,
  makeImage,
  NAME,
  newDiskOptions,
  SIZE,
  servers,
  useManagedDisks,
  warningsIn,
} from '../support/disk-upload.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useManagedDisks();

const STOP = new Error('stopped by the test');

describe.each(['times-out', 'refused'] as const)('an upload to a disk whose page list is %s', (pageRanges) => {
  it('sends zeros too, warns once, and reads everything back', async () => {
    const { path, disk } = await makeImage();
    servers.disks.behaviour.pageRanges = pageRanges;
    servers.disks.behaviour.staleData = [{ offset: 12 * MIB, bytes: patternOf(99, 4096) }];
    const { codes, onEvent } = warningsIn();
    const result = await uploadImage(newDiskOptions(path, { onEvent }));
    expect(result).toMatchObject({ verified: 'full', sent: SIZE + 512 });
    expect(codes.filter((code) => code === 'no-page-list')).toHaveLength(1);
    expectDiskHolds(disk);
  });

  it('resumes, and sends again only what was not sent', async () => {
    const { path, disk } = await makeImage();
    servers.disks.behaviour.pageRanges = pageRanges;
    await stopOnce(newDiskOptions(path), 9 * MIB);
    const result = await uploadImage(newDiskOptions(path));
    expect(result.sentBefore).toBeGreaterThan(0);
    expect(result.sent).toBeLessThan(SIZE);
    expectDiskHolds(disk);
  });

  it('finds what something else wrote between two runs', async () => {
    const { path } = await makeImage();
    servers.disks.behaviour.pageRanges = pageRanges;
    await stopOnce(newDiskOptions(path), 9 * MIB);
    const { pages } = diskThere();
    if (pages === undefined) throw new Error('Nobody has access to the disk.');
    servers.disks.writePages(pages, 0, patternOf(99, 512));
    expect(await failureOf(uploadImage(newDiskOptions(path)))).toMatchObject({ exitCode: 10 });
  });

  it('takes nothing for sent when it resumes without its checkpoint', async () => {
    const { path, checkpoint, disk } = await makeImage();
    await stopOnce(newDiskOptions(path), 2 * DATA);
    await rm(checkpoint);
    servers.disks.behaviour.pageRanges = pageRanges;
    await uploadImage(newDiskOptions(path, { resumeFromBlob: true }));
    expectDiskHolds(disk);
  });

  it('is refused by a SAS alone unless it may write over whatever is there', async () => {
    const { path, disk } = await makeImage();
    servers.disks.behaviour.pageRanges = pageRanges;
    servers.arm.resources.createDisk({ name: NAME, uploadSizeBytes: SIZE + 512 });
    const destination = servers.arm.resources.grantAccess(NAME, 'Write', 86_400);
    const options: UploadOptions = { image: path, destination, retryDelayMs: 1, maxRetryDelayMs: 2 };
    expect((await failureOf(uploadImage(options))).message).toContain('--overwrite');
    await uploadImage({ ...options, overwrite: true });
    expectDiskHolds(disk, 'ActiveUpload');
  });
});

it('a page list that fails only at the end leads to a read-back of everything', async () => {
  const { path, disk } = await makeImage();
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'phase' && event.phase === 'verifying') servers.disks.behaviour.pageRanges = 'times-out';
  };
  expect(await uploadImage(newDiskOptions(path, { onEvent }))).toMatchObject({ verified: 'full' });
  expectDiskHolds(disk);
});

it('a page list that fails a few times is read in the end', async () => {
  const { path, disk } = await makeImage();
  servers.disks.faults.add(
    { operation: 'GetPageRanges', times: 4 },
    { kind: 'status', status: 500, code: 'OperationTimedOut' },
  );
  expect(await uploadImage(newDiskOptions(path))).toMatchObject({ verified: 'ranges' });
  expectDiskHolds(disk);
});

/** Stops an upload in an orderly way when it has sent more than this. Two windows of zeros and data are 8 MiB. */
async function stopOnce(options: UploadOptions, bytes: number): Promise<void> {
  const stop = new AbortController();
  const onEvent = (event: UploadEvent) => {
    if (event.type === 'progress' && event.sent > bytes) stop.abort(STOP);
  };
  expect(await failureOf(uploadImage({ ...options, signal: stop.signal, onEvent }))).toBe(STOP);
}

// A write SAS may be unable to read. What must be read back is then read back after the commit, by read access.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { UploadEvent } from '../../src/events.ts';
import { decodeCheckpoint } from '../../src/state/checkpoint.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import {
  callsOf,
  diskThere,
  expectDiskHolds,
  makeImage,
  newDiskOptions,
  servers,
  useManagedDisks,
  warningsIn,
  writeForeign,
} from '../support/disk-upload.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useManagedDisks();

const STOP = new Error('stopped by the test');

/** Calls `action` at the first phase of this name that follows the commit. */
function afterCommit(action: () => void): (event: UploadEvent) => void {
  let phase = '';
  return (event) => {
    if (event.type !== 'phase') return;
    if (event.phase === 'verifying' && phase === 'committing') action();
    phase = event.phase;
  };
}

describe('an upload to a disk whose SAS can only write', () => {
  it('is read back after the commit, and the read access is ended', async () => {
    const { path, checkpoint, disk } = await makeImage();
    servers.disks.behaviour.readWithWriteSas = false;
    expect(await uploadImage(newDiskOptions(path, { verify: 'full' }))).toMatchObject({ verified: 'full' });
    expectDiskHolds(disk);
    expect(callsOf('arm EndGetAccess'), 'the commit, and the end of the read access').toBe(2);
    expect(existsSync(checkpoint)).toBe(false);
    const order = servers.calls.filter((call) => /EndGetAccess|PutPage/.test(call));
    expect(order.slice(-2)).toEqual(['arm EndGetAccess', 'arm EndGetAccess']);
  });

  it('warns once of a missing page list, although both accesses find it missing', async () => {
    const { path, disk } = await makeImage();
    servers.disks.behaviour.readWithWriteSas = false;
    servers.disks.behaviour.pageRanges = 'refused';
    const { codes, onEvent } = warningsIn();
    await uploadImage(newDiskOptions(path, { verify: 'full', onEvent }));
    expect(callsOf('arm EndGetAccess')).toBe(2);
    expect(codes.filter((code) => code === 'no-page-list')).toHaveLength(1);
    expectDiskHolds(disk);
  });

  it('needs no read access if nothing has to be read back', async () => {
    const { path, disk } = await makeImage();
    servers.disks.behaviour.readWithWriteSas = false;
    expect(await uploadImage(newDiskOptions(path))).toMatchObject({ verified: 'ranges' });
    expectDiskHolds(disk);
    expect(callsOf('arm EndGetAccess')).toBe(1);
  });

  it('is also read back if the disk refuses checksums', async () => {
    const { path, disk } = await makeImage();
    servers.disks.behaviour.readWithWriteSas = false;
    servers.disks.behaviour.crc64 = 'UnsupportedHeader';
    expect(await uploadImage(newDiskOptions(path))).toMatchObject({ verified: 'unverified' });
    expectDiskHolds(disk);
    expect(callsOf('arm EndGetAccess')).toBe(2);
  });

  it.each(['full', undefined] as const)('is refused for good if it holds other bytes (verify: %s)', async (verify) => {
    const { path, checkpoint } = await makeImage();
    servers.disks.behaviour.readWithWriteSas = false;
    if (verify === undefined) servers.disks.behaviour.crc64 = 'UnsupportedHeader';
    const options = { ...(verify === undefined ? {} : { verify }) };
    const onEvent = (event: UploadEvent) => {
      if (event.type === 'phase' && event.phase === 'committing') writeForeign(0, 512);
    };
    const failure = await failureOf(uploadImage(newDiskOptions(path, { ...options, onEvent })));
    expect(failure).toMatchObject({ exitCode: 10 });
    expect(failure.message).toContain('Do not use this disk');
    expect(diskThere().state, 'nobody is left with access').toBe('Unattached');
    expect(callsOf('arm DeleteDisk')).toBe(0);
    expect(decodeCheckpoint(await readFile(checkpoint, 'utf8'), checkpoint).failed).toBe(true);
    expect((await failureOf(uploadImage(newDiskOptions(path)))).message, 'no success later').toContain('do not use it');
  });

  it('is read back by the next run if this one is stopped after the commit', async () => {
    const { path, checkpoint, disk } = await makeImage();
    servers.disks.behaviour.readWithWriteSas = false;
    const stop = new AbortController();
    const onEvent = afterCommit(() => stop.abort(STOP));
    const options = newDiskOptions(path, { verify: 'full' });
    expect(await failureOf(uploadImage({ ...options, onEvent, signal: stop.signal }))).toBe(STOP);
    expect(existsSync(checkpoint)).toBe(true);
    const again = await uploadImage(options);
    expect(again).toMatchObject({ alreadyComplete: true, verified: 'full', disk: { isCommitted: true } });
    expectDiskHolds(disk);
    expect(existsSync(checkpoint)).toBe(false);
  });

  it('is refused by the next run if that finds other bytes', async () => {
    const { path } = await makeImage();
    servers.disks.behaviour.readWithWriteSas = false;
    const stop = new AbortController();
    const onEvent = afterCommit(() => stop.abort(STOP));
    const options = newDiskOptions(path, { verify: 'full' });
    await failureOf(uploadImage({ ...options, onEvent, signal: stop.signal }));
    diskThere().content.write(0, patternOf(99, 512));
    expect(await failureOf(uploadImage(options))).toMatchObject({ exitCode: 10 });
    expect((await failureOf(uploadImage(options))).message).toContain('do not use it');
  });

  it('fails before the commit if nobody can grant read access', async () => {
    const { path } = await makeImage();
    servers.disks.behaviour.readWithWriteSas = false;
    servers.arm.resources.createDisk({ name: 'by-hand', uploadSizeBytes: 24 * 1024 * 1024 + 512 });
    const destination = servers.arm.resources.grantAccess('by-hand', 'Write', 86_400);
    const options = { image: path, destination, verify: 'full', retryDelayMs: 1 } as const;
    expect(await failureOf(uploadImage(options))).toMatchObject({ exitCode: 8 });
    expect(servers.arm.resources.disk('by-hand').state).toBe('ActiveUpload');
  });
});

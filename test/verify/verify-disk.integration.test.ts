// Managed disks as the target of a verification: by a SAS that somebody granted, and by their name.
import { describe, expect, it } from 'vitest';
import type { VerifyOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { verifyBlob } from '../../src/verify/verify.ts';
import {
  armOf,
  callsOf,
  diskThere,
  MIB,
  makeImage,
  NAME,
  newDiskOptions,
  SIZE,
  servers,
  useManagedDisks,
} from '../support/disk-upload.ts';
import { patternOf } from '../support/vhd-builder.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

useManagedDisks();

const byName = (image: string, more: Partial<VerifyOptions> = {}): VerifyOptions => ({
  image,
  disk: NAME,
  ...armOf(),
  ...more,
});

describe('a verification of a managed disk', () => {
  it.each([true, false])('gets read access, and ends it (full: %s)', async (full) => {
    const { path } = await makeImage();
    await uploadImage(newDiskOptions(path));
    expect(await verifyBlob(byName(path, { full }))).toMatchObject({ matches: true });
    expect(diskThere().state).toBe('Unattached');
    expect(callsOf('arm EndGetAccess'), 'the commit, and the end of the read access').toBe(2);
    expect(servers.violations).toEqual([]);
  });

  it('reports what differs, and ends the access', async () => {
    const { path } = await makeImage();
    await uploadImage(newDiskOptions(path));
    diskThere().content.write(4 * MIB, patternOf(99, 512));
    const result = await verifyBlob(byName(path, { full: true }));
    expect(result.differences.first).toEqual([{ kind: 'content', offset: 4 * MIB, length: 512 }]);
    expect(diskThere().state).toBe('Unattached');
  });

  it('ends the access after a failure too', async () => {
    const { path } = await makeImage();
    await uploadImage(newDiskOptions(path));
    const stop = new AbortController();
    const reason = new Error('stopped by the test');
    const onEvent = () => {
      if (callsOf('disk GetBlob') > 0) stop.abort(reason);
    };
    const failure = await failureOf(verifyBlob(byName(path, { full: true, signal: stop.signal, onEvent })));
    expect(failure).toBe(reason);
    expect(diskThere().state).toBe('Unattached');
  });

  it('needs no Azure Resource Manager with a SAS that can read', async () => {
    const { path } = await makeImage();
    await uploadImage(newDiskOptions(path));
    const destination = servers.arm.resources.grantAccess(NAME, 'Read', 86_400);
    const calls = servers.calls.filter((call) => call.startsWith('arm')).length;
    const result = await verifyBlob({ image: path, destination, full: true });
    expect(result).toMatchObject({ matches: true });
    expect(servers.calls.filter((call) => call.startsWith('arm'))).toHaveLength(calls);
    expect(servers.violations).toEqual([]);
  });

  it('is refused while the disk is uploaded to, or exported by somebody else', async () => {
    const { path } = await makeImage();
    servers.arm.resources.createDisk({ name: NAME, uploadSizeBytes: SIZE + 512 });
    servers.arm.resources.grantAccess(NAME, 'Write', 86_400);
    expect(await failureOf(verifyBlob(byName(path)))).toMatchObject({ exitCode: 6 });
    servers.arm.resources.createDisk({ name: 'exported', uploadSizeBytes: SIZE + 512, state: 'ActiveSAS' });
    const failure = await failureOf(verifyBlob(byName(path, { disk: 'exported' })));
    expect(failure).toMatchObject({ exitCode: 12 });
    expect(failure.message).toContain('az disk revoke-access');
    expect(callsOf('arm EndGetAccess')).toBe(0);
  });

  it('is refused by name if the disk does not exist, and if no or two targets are given', async () => {
    const { path } = await makeImage();
    expect((await failureOf(verifyBlob(byName(path)))).message).toContain('does not exist');
    expect(await failureOf(verifyBlob({ image: path }))).toMatchObject({ exitCode: 2 });
    const both = byName(path, { destination: 'https://account.blob.core.windows.net/vhds/disk.vhd' });
    expect(await failureOf(verifyBlob(both))).toMatchObject({ exitCode: 2 });
  });

  it('passes nothing by a page list that the disk does not provide', async () => {
    const { path } = await makeImage();
    await uploadImage(newDiskOptions(path));
    servers.disks.behaviour.pageRanges = 'times-out';
    expect((await failureOf(verifyBlob(byName(path)))).message).toContain('--full');
    expect(await verifyBlob(byName(path, { full: true }))).toMatchObject({ matches: true });
  });
});

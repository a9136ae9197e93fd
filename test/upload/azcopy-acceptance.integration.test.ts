// AzCopy's own tests of page blobs (test_upload_page_blob.py, Scenario_UploadPageBlob and others), as far as they apply. Elsewhere, by these
// names: B1, B2, B6, B7 in upload.integration.test.ts, B4 in premium.integration.test.ts, B9 in remote/page-ranges.test.ts, B11 in
// disk-content.integration.test.ts.
import { existsSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { uploadImage } from '../../src/upload/upload.ts';
import { startProgram } from '../support/command-line.ts';
import { withoutTlsCheck } from '../support/environment.ts';
import { startManagedDisks } from '../support/managed-disks.ts';
import { buildImage, expectBlobIs, SMALL_DISK, spreadDisk } from '../support/spread-disk.ts';
import {
  BLOB,
  blobUrl,
  CONTAINER,
  isComplete,
  requestsOf,
  restartServer,
  server,
  storedBlob,
  useServer,
} from '../support/target-server.ts';
import { diskOf, patternOf } from '../support/vhd-builder.ts';
import { expectSameBytes } from '../support/vhd-fixtures.ts';

const MIB = 1024 * 1024;
const FULL_MIB = { size: MIB, contents: [{ offset: 0, bytes: patternOf(3, MIB) }] };

useServer();

describe('B3 test_page_blob_1mb, B5 AutoInferDetectBlobTypeVHD', () => {
  it('a MiB of random data arrives with a SAS as a page blob, whatever the case of the extension', async () => {
    const path = await buildImage(FULL_MIB, { name: 'myVHD.vHd', type: 'fixed' });
    const destination = server.sasUrl({ container: CONTAINER, blob: 'myVHD.vHd', permissions: 'rw' });
    await uploadImage({ image: path, destination });
    expectBlobIs(FULL_MIB, server.blob(CONTAINER, 'myVHD.vHd'));
    expect(server.blob(CONTAINER, 'myVHD.vHd').type).toBe('PageBlob');
  });

  it('a MiB of random data arrives with a token of Microsoft Entra', async () => {
    await restartServer({ tls: true, bearerToken: 'a-token' });
    const path = await buildImage(FULL_MIB, { type: 'fixed' });
    const source = {
      getToken: () => Promise.resolve({ token: 'a-token', expiresOnTimestamp: Date.now() + 3_600_000 }),
    };
    await withoutTlsCheck(() =>
      uploadImage({ image: path, destination: server.urlOf(CONTAINER, BLOB), credential: { kind: 'token', source } }),
    );
    expectBlobIs(FULL_MIB, storedBlob());
  });
});

describe('B8 CancelFromStdin', () => {
  it('a slow upload that is stopped fails, keeps its checkpoint and deletes nothing', async () => {
    const path = await buildImage(spreadDisk(4));
    const { child, ended } = startProgram(['upload', path, blobUrl(), '--max-rate', '2KiB/s', '--no-progress']);
    await server.when(() => requestsOf('PutPage').length > 0);
    child.kill('SIGINT');
    const { exitCode, stderr } = await ended;
    expect(exitCode, stderr).toBe(130);
    expect(stderr).toContain('Run the same command again to resume.');
    expect(existsSync(`${path}.vhdup.json`)).toBe(true);
    expect(server.hasBlob(CONTAINER, BLOB)).toBe(true);
    expect(isComplete()).toBe(false);
    await uploadImage({ image: path, destination: blobUrl() });
    expectBlobIs(spreadDisk(4), storedBlob());
  });
});

describe('B10 two disks one after another onto one target that cannot be created again', () => {
  it('leaves the second, byte for byte', async () => {
    const servers = await startManagedDisks();
    onTestFinished(() => servers.close());
    const first = { ...spreadDisk(6, 1), size: 24 * MIB };
    const second = {
      size: 24 * MIB,
      contents: [...SMALL_DISK.contents, { offset: 9 * MIB, bytes: patternOf(5, 65536) }],
    };
    servers.arm.resources.createDisk({ name: 'd', uploadSizeBytes: 24 * MIB + 512 });
    const destination = servers.arm.resources.grantAccess('d', 'Write', 86_400);
    await uploadImage({ image: await buildImage(first), destination });
    await uploadImage({ image: await buildImage(second), destination, overwrite: true });
    const { content } = servers.arm.resources.disk('d');
    expectSameBytes(content.read(0, 24 * MIB), diskOf(24 * MIB, second.contents));
    expect(content.read(24 * MIB, 8).toString('latin1')).toBe('conectix');
    expect(servers.violations).toEqual([]);
  });
});

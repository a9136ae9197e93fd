// The manifest of another upload is refused before anything is created.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DestinationError, LocalFileError } from '../../src/errors.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { callsOf, makeImage, newDiskOptions, useManagedDisks } from '../support/disk-upload.ts';
import { buildImage, SMALL_DISK } from '../support/spread-disk.ts';
import { BLOB, blobUrl, CONTAINER, server, storedBlob, useServer } from '../support/target-server.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

useServer();
useManagedDisks();

it('leaves no blob and no checkpoint, and is replaced with --overwrite', async () => {
  const manifest = join(await temporaryFolder(), 'disk.manifest');
  const fast = { threads: 1, manifest } as const;
  const other = server.sasUrl({ container: CONTAINER, blob: 'other.vhd', permissions: 'rw' });
  await uploadImage({ image: await buildImage(SMALL_DISK), destination: other, ...fast });
  const image = await buildImage(SMALL_DISK);
  const failure = await failureOf(uploadImage({ image, destination: blobUrl(), ...fast }));
  expect(failure).toBeInstanceOf(LocalFileError);
  expect(failure.message).toMatch(/it belongs to another upload/);
  expect(server.hasBlob(CONTAINER, BLOB)).toBe(false);
  expect(existsSync(`${image}.vhdup.json`)).toBe(false);
  await uploadImage({ image, destination: blobUrl(), overwrite: true, ...fast });
  expect(storedBlob().metadata.get('vhdup_state')).toBe('complete');
});

it('of the same command does not hide that nothing is left to do', async () => {
  const manifest = join(await temporaryFolder(), 'disk.manifest');
  const options = { image: await buildImage(SMALL_DISK), destination: blobUrl(), threads: 1, manifest } as const;
  await uploadImage(options);
  const failure = await failureOf(uploadImage(options));
  expect(failure).toBeInstanceOf(DestinationError);
  expect(failure.message).toMatch(/is a complete upload by vhdup\..* nothing is left to do/);
});

it('of a managed disk leaves no disk and no checkpoint, and does not hide that the disk exists', async () => {
  const manifest = join(await temporaryFolder(), 'disk.manifest');
  const other = server.sasUrl({ container: CONTAINER, blob: 'other.vhd', permissions: 'rw' });
  await uploadImage({ image: await buildImage(SMALL_DISK), destination: other, threads: 1, manifest });
  const { path, checkpoint } = await makeImage();
  const refusal = await failureOf(uploadImage(newDiskOptions(path, { manifest })));
  expect(refusal).toBeInstanceOf(LocalFileError);
  expect(callsOf('arm PutDisk')).toBe(0);
  expect(existsSync(checkpoint)).toBe(false);

  await uploadImage(newDiskOptions(path, { manifest: `${manifest}-2` }));
  expect(callsOf('arm PutDisk')).toBe(1);
  const failure = await failureOf(uploadImage(newDiskOptions(path, { manifest: `${manifest}-2` })));
  expect(failure.message).toMatch(/^Disk \S+ exists already/);
});

// The manifest of another upload is refused before anything is created.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LocalFileError } from '../../src/errors.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { buildImage, SMALL_DISK } from '../support/spread-disk.ts';
import { BLOB, blobUrl, CONTAINER, server, storedBlob, useServer } from '../support/target-server.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

useServer();

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

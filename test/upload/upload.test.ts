import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { CheckpointError } from '../../src/errors.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';
import { buildVhd } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

const blob = vi.hoisted((): { connected: MemoryPageBlob | undefined } => ({ connected: undefined }));

vi.mock(import('../../src/remote/connect.ts'), async (original) => ({
  ...(await original()),
  connect: () => {
    const connected = new MemoryPageBlob();
    blob.connected = connected;
    vi.spyOn(connected, 'close');
    return Promise.resolve({ blob: connected, store: retrying(connected) });
  },
}));

it('closes the connection if the checkpoint cannot be locked', async () => {
  const folder = await temporaryFolder();
  const image = join(folder, 'disk.vhd');
  await buildVhd(image, { type: 'fixed', size: 1024 * 1024, contents: [] });
  const failure = await failureOf(
    uploadImage({
      image,
      destination: 'https://account.blob.core.windows.net/vhds/disk.vhd',
      credential: { kind: 'account-key', accountName: 'account', accountKey: 'a2V5' },
      checkpoint: join(folder, 'absent', 'checkpoint.json'),
    }),
  );
  expect(failure).toBeInstanceOf(CheckpointError);
  expect(blob.connected?.close).toHaveBeenCalledOnce();
});

import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { ByteRange } from '../../src/base/byte-range.ts';
import type { PageRun } from '../../src/base/page-run.ts';
import { CheckpointError, DestinationError, ServiceError } from '../../src/errors.ts';
import { CheckpointFile } from '../../src/state/checkpoint-file.ts';
import { ExclusiveAccess } from '../../src/state/exclusive-access.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';
import { buildVhd, patternOf } from '../support/vhd-builder.ts';
import { failureOf, temporaryFolder } from '../support/vhd-fixtures.ts';

/** Stores what is written, and checks and changes the ETag as the service does. */
class StoringBlob extends MemoryPageBlob {
  readonly #content = new Uint8Array(2 * 1024 * 1024);

  override async write(run: PageRun, signal: AbortSignal): Promise<void> {
    await super.write(run, signal);
    this.#content.set(run.bytes, run.range.offset);
    if (this.blob !== undefined) this.put(this.blob);
  }

  override async read(
    { offset, length }: ByteRange,
    into: Uint8Array,
    options: object,
    signal: AbortSignal,
  ): Promise<undefined> {
    await super.read({ offset, length }, into, options, signal);
    into.set(this.#content.subarray(offset, offset + length));
  }

  override async setContentMd5(md5: Uint8Array, signal: AbortSignal, etag?: string): Promise<string | undefined> {
    if (etag !== undefined && this.blob?.etag !== etag)
      throw new DestinationError('412', { reason: 'ConditionNotMet' });
    if (this.blob !== undefined) this.put(this.blob);
    return await super.setContentMd5(md5, signal);
  }
}

const service = vi.hoisted((): { blob: MemoryPageBlob | undefined } => ({ blob: undefined }));

vi.mock(import('../../src/remote/connect.ts'), async (original) => ({
  ...(await original()),
  connect: () => {
    const blob = service.blob ?? new MemoryPageBlob();
    return Promise.resolve({ blob, store: retrying(blob) });
  },
}));

async function makeUpload() {
  const blob = new StoringBlob();
  service.blob = blob;
  const folder = await temporaryFolder();
  const image = join(folder, 'disk.vhd');
  await buildVhd(image, { type: 'fixed', size: 1024 * 1024, contents: [{ offset: 0, bytes: patternOf(1, 4096) }] });
  const options = {
    image,
    destination: blob.url,
    credential: { kind: 'account-key', accountName: 'account', accountKey: 'a2V5' },
    skipChecks: true,
  } as const;
  return { blob, folder, options };
}

describe('uploadImage', () => {
  it('does not connect before the checkpoint is locked', async () => {
    const { blob, folder, options } = await makeUpload();
    const failure = await failureOf(uploadImage({ ...options, checkpoint: join(folder, 'absent', 'checkpoint.json') }));
    expect(failure).toBeInstanceOf(CheckpointError);
    expect(blob.operations).toEqual([]);
  });

  it('closes the connection if the existing blob may not be replaced', async () => {
    const { blob, options } = await makeUpload();
    blob.put({ size: 512 });
    const close = vi.spyOn(blob, 'close');
    expect(await failureOf(uploadImage(options))).toBeInstanceOf(DestinationError);
    expect(close).toHaveBeenCalledOnce();
  });

  it('sets the Content-MD5 without a lease, although one answer is lost', async () => {
    const { blob, options } = await makeUpload();
    blob.failOnce('acquireLease', new ServiceError('501', { status: 501, reason: 'NotImplemented', transient: false }));
    blob.failOnce('setContentMd5', new ServiceError('reset', { reason: 'ECONNRESET', transient: true }), 'after');
    const { contentMd5, verified } = await uploadImage({ ...options, contentMd5: true, checksum: 'none' });
    expect(verified).toBe('unverified');
    expect(Buffer.from(blob.contentMd5 ?? []).toString('base64')).toBe(contentMd5);
    expect(blob.blob?.metadata).toMatchObject({ vhdup_state: 'complete' });
  });

  it('leaves the checkpoint to a run that has taken it over, when the upload is complete', async () => {
    const { folder, options } = await makeUpload();
    const checkpoint = join(folder, 'checkpoint.json');
    const mayWrite = vi.spyOn(ExclusiveAccess.prototype, 'mayWrite', 'get').mockReturnValue(false);
    await uploadImage({ ...options, checkpoint, checksum: 'none' });
    mayWrite.mockRestore();
    expect(await new CheckpointFile(checkpoint).load()).toBeDefined();
    await uploadImage({ ...options, checkpoint, checksum: 'none' });
    expect(await new CheckpointFile(checkpoint).load()).toBeUndefined();
  });
});

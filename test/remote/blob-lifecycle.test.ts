import { describe, expect, it } from 'vitest';
import { DestinationError, ServiceError } from '../../src/errors.ts';
import { BlobLifecycle } from '../../src/remote/blob-lifecycle.ts';
import { beginRun } from '../../src/state/lease-holder.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const UPLOAD = '5f0c2a52-59b4-4f0f-9d7c-2f6a0a5d7b11';
const MD5 = new Uint8Array(16).fill(7);

/** Sets properties as the service does: checks the ETag, then changes it. */
class ConditionalBlob extends MemoryPageBlob {
  /** Runs once the first request has taken effect. Its answer is lost. */
  afterFirst: (() => void) | undefined;

  override async setContentMd5(md5: Uint8Array, signal: AbortSignal, etag?: string): Promise<string | undefined> {
    if (etag !== undefined && this.blob?.etag !== etag) {
      throw new DestinationError('412', { reason: 'ConditionNotMet' });
    }
    await super.setContentMd5(md5, signal);
    if (this.blob !== undefined) this.put(this.blob);
    const { afterFirst } = this;
    this.afterFirst = undefined;
    if (afterFirst === undefined) return this.blob?.etag;
    afterFirst();
    throw new ServiceError('reset', { reason: 'ECONNRESET', transient: true });
  }
}

/** A run without a lease that has created its blob. */
async function makeRun() {
  const blob = new ConditionalBlob();
  const { signal } = new AbortController();
  const options = { blob, store: retrying(blob), owner: beginRun(), signal };
  const lifecycle = new BlobLifecycle({ ...options, emit: () => undefined, onLost: () => undefined });
  await lifecycle.create({ uploadId: UPLOAD, size: 512, metadata: { vhdup_upload_id: UPLOAD } }, signal);
  return { blob, lifecycle, signal };
}

describe('setContentMd5 without a lease', () => {
  it('sets the MD5 although the answer to the first request is lost', async () => {
    const { blob, lifecycle, signal } = await makeRun();
    blob.afterFirst = () => undefined;
    await lifecycle.setContentMd5(MD5, signal);
    expect(blob.contentMd5).toEqual(MD5);
    await lifecycle.finish(signal, blob.blob?.etag);
    expect(blob.blob?.metadata).toMatchObject({ vhdup_state: 'complete' });
  });

  it('leaves a blob alone that has replaced its own', async () => {
    const { blob, lifecycle, signal } = await makeRun();
    blob.afterFirst = () => {
      blob.put({ size: 8192 });
      blob.contentMd5 = undefined;
    };
    expect((await failureOf(lifecycle.setContentMd5(MD5, signal))).message).toContain('was replaced');
    expect(blob.contentMd5).toBeUndefined();
  });
});

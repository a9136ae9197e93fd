import { describe, expect, it } from 'vitest';
import { PAGE_SIZE } from '../../src/base/byte-range.ts';
import { DestinationError, ServiceError, VerificationError } from '../../src/errors.ts';
import { PageSetDigest } from '../../src/transfer/page-set-digest.ts';
import { verifyPageList } from '../../src/verify/page-list.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const NEVER = new AbortController().signal;

const pageAt = (page: number) => ({ offset: page * PAGE_SIZE, length: PAGE_SIZE });

function blobWith(pages: readonly number[]): MemoryPageBlob {
  const blob = new MemoryPageBlob();
  blob.ranges = pages.map(pageAt);
  return blob;
}

function sentOf(pages: readonly number[]): PageSetDigest {
  const sent = new PageSetDigest();
  for (const page of pages) sent.add(pageAt(page));
  return sent;
}

describe('verifyPageList', () => {
  it('accepts a blob that holds the pages that were sent, however many answers list them', async () => {
    for (const count of [0, 1, 2, 3, 7]) {
      const pages = Array.from({ length: count }, (_, index) => index * 3);
      await verifyPageList(retrying(blobWith(pages)), sentOf([...pages].reverse()), NEVER);
    }
  });

  it('accepts ranges that the service has joined', async () => {
    const blob = new MemoryPageBlob();
    blob.ranges = [{ offset: 0, length: 4 * PAGE_SIZE }];
    await verifyPageList(retrying(blob), sentOf([3, 1, 0, 2]), NEVER);
  });

  it.each([
    ['a page is missing', [1, 2], [1, 2, 3], '2 pages, but 3 pages were sent'],
    ['there is a page more', [1, 2, 3], [1, 2], '3 pages, but 2 pages were sent'],
    ['there are none', [], [1], '0 pages, but 1 pages were sent'],
    ['another page is there', [1, 2, 4], [1, 2, 3], 'not the same ones'],
  ])('fails when %s', async (_, there, sent, message) => {
    const error = await failureOf(verifyPageList(retrying(blobWith(there)), sentOf(sent), NEVER));
    expect(error).toBeInstanceOf(VerificationError);
    expect(error.message).toContain(message);
    expect(error.message).toContain('https://account.blob.core.windows.net/vhds/disk.vhd');
    expect(error.message).toContain('--restart');
  });

  it('retries a failed request, and does not count ranges twice', async () => {
    const blob = blobWith([1, 2, 3, 4, 5]);
    const busy = new ServiceError('busy', { reason: 'ServerBusy', transient: true });
    blob.failOnce('pageRanges', busy);
    blob.failOnce('pageRanges', busy, 'after');
    await verifyPageList(retrying(blob), sentOf([1, 2, 3, 4, 5]), NEVER);
    expect(blob.requests).toBe(5);
  });

  it('reports a blob that no longer exists, not a difference', async () => {
    const blob = blobWith([1]);
    const gone = new DestinationError('Get Page Ranges failed: 404 BlobNotFound', { reason: 'BlobNotFound' });
    blob.failOnce('pageRanges', gone);
    expect(await failureOf(verifyPageList(retrying(blob), sentOf([1]), NEVER))).toBe(gone);
  });
});

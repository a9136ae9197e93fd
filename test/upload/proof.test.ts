import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteRange } from '../../src/base/byte-range.ts';
import { DestinationError } from '../../src/errors.ts';
import type { Hold } from '../../src/remote/blob-lifecycle.ts';
import type { Checkpoint } from '../../src/state/checkpoint.ts';
import { PageSetDigest } from '../../src/transfer/page-set-digest.ts';
import { assertSamePages, isProved } from '../../src/upload/proof.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const owner = { id: 'last run', host: 'here', pid: 1, since: '2026-03-01T09:00:00.000Z' };

const STORED: Checkpoint = {
  uploadId: 'u',
  startedAt: '2026-03-01T09:00:00.000Z',
  image: [],
  diskSize: 8192,
  trustUnmarkedSectors: false,
  blobUrl: 'https://account.blob.core.windows.net/vhds/disk.vhd',
  blobSize: 8704,
  done: [{ offset: 0, length: 4096 }],
  sent: { bytes: 512, pages: '0'.repeat(16) },
  unverified: [],
  lease: { owner, ids: ['killed', 'last run'], proof: 'last run' },
};

const HOLD: Hold = { takenOver: undefined, etag: '"1"', wasBroken: false };

describe('isProved', () => {
  const ask = (stored: Partial<Checkpoint>, hold: Partial<Hold>) =>
    isProved({ ...STORED, ...stored }, { ...HOLD, ...hold });

  it('accepts the ETag at which the previous run released the blob', () => {
    expect(ask({ etag: '"1"' }, {})).toBe(true);
    expect(ask({ etag: '"0"' }, {})).toBe(false);
    expect(ask({}, {})).toBe(false);
  });

  it('accepts the lease of a run that held the blob when it saved the checkpoint', () => {
    expect(ask({}, { takenOver: 'last run' })).toBe(true);
    expect(ask({ etag: '"0"' }, { takenOver: 'last run' })).toBe(true);
    expect(ask({}, { takenOver: 'killed' }), 'it was killed before it had saved what it found').toBe(false);
    expect(ask({ lease: { owner, ids: ['last run'] } }, { takenOver: 'last run' })).toBe(false);
  });

  it('is never true without a lease, because anyone may write a moment later', () => {
    expect(ask({ etag: '"1"' }, { etag: undefined })).toBe(false);
    expect(ask({}, { etag: undefined })).toBe(false);
  });
});

describe('assertSamePages', () => {
  const { signal } = new AbortController();

  function compare(done: readonly ByteRange[], sent: readonly ByteRange[], listed: readonly ByteRange[]) {
    const digest = new PageSetDigest();
    for (const range of sent) digest.add(range);
    const blob = new MemoryPageBlob();
    blob.put({ size: 1 << 20 });
    blob.ranges = [...listed];
    const stored = { ...STORED, done, sent: { bytes: digest.bytes, pages: digest.toString() } };
    return assertSamePages(stored, retrying(blob), signal);
  }

  it.each([
    ['a page that was lost', []],
    ['a page more', [{ offset: 512, length: 1024 }]],
    ['another page', [{ offset: 1024, length: 512 }]],
  ])('detects %s', async (_, listed) => {
    const failure = await failureOf(compare([{ offset: 0, length: 4096 }], [{ offset: 512, length: 512 }], listed));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toContain('(1 pages sent, ');
  });

  it('sends no request if nothing is done', async () => {
    await compare([], [], [{ offset: 0, length: 512 }]);
  });

  it('compares only the ranges that are done, however the list is split', async () => {
    const pages = fc.array(fc.boolean(), { minLength: 64, maxLength: 64 });
    await fc.assert(
      fc.asyncProperty(pages, pages, async (isDone, isThere) => {
        const done = rangesOf(isDone);
        const listed = rangesOf(isThere);
        const sent = rangesOf(isDone.map((value, page) => value && isThere[page] === true));
        await compare(done, sent, listed);
        const lost = isThere.findIndex((value, page) => value && isDone[page] === true);
        if (lost < 0) return;
        const without = rangesOf(isThere.with(lost, false));
        expect(await failureOf(compare(done, sent, without))).toBeInstanceOf(DestinationError);
      }),
      { numRuns: 200 },
    );
  });
});

/** Pages in a row, as ranges. */
function rangesOf(pages: readonly boolean[]): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (const [page, isIn] of pages.entries()) {
    if (!isIn) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.length === page * 512)
      ranges[ranges.length - 1] = { ...last, length: last.length + 512 };
    else ranges.push({ offset: page * 512, length: 512 });
  }
  return ranges;
}

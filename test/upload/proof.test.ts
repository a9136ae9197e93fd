import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteRange } from '../../src/base/byte-range.ts';
import { DestinationError } from '../../src/errors.ts';
import type { Checkpoint } from '../../src/state/checkpoint.ts';
import { encodeOwner } from '../../src/state/lease-holder.ts';
import type { BlobProperties } from '../../src/target/page-blob.ts';
import { PageSetDigest } from '../../src/transfer/page-set-digest.ts';
import { Retrier } from '../../src/transfer/retry.ts';
import { asLastRunLeft, assertSamePages, isProven, suspicionOf } from '../../src/upload/proof.ts';
import { MemoryPageBlob } from '../support/memory-page-blob.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const NOW = Date.parse('2026-03-01T10:00:00Z');
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
  savedMs: NOW,
  lease: { owner, ids: [] },
};

function there(more: Partial<BlobProperties> = {}, metadata: Record<string, string> = {}): BlobProperties {
  return {
    type: 'PageBlob',
    size: 8704,
    etag: '"1"',
    sequenceNumber: 1,
    modifiedMs: NOW,
    isLeased: false,
    metadata: { vhdup_state: 'uploading', vhdup_owner: encodeOwner(owner), ...metadata },
    ...more,
  };
}

describe('suspicionOf', () => {
  const ask = (stored: Partial<Checkpoint>, blob: BlobProperties, isContinued?: boolean) =>
    suspicionOf({ ...STORED, ...stored }, blob, isContinued === undefined ? undefined : { isContinued });

  it('goes by the ETag after a run that ended in order', () => {
    expect(ask({ etag: '"1"' }, there())).toBeUndefined();
    expect(ask({ etag: '"0"' }, there())).toContain('was changed after this upload had stopped');
  });

  it('goes by the time of the last write after a run that was killed without a lease', () => {
    expect(ask({}, there({ modifiedMs: NOW + 29_000 }))).toBeUndefined();
    expect(ask({}, there({ modifiedMs: NOW + 31_000 }))).toMatch(
      /at 2026-03-01T10:00:31.000Z.*stopped at 2026-03-01T10:00:00.000Z/,
    );
  });

  it('goes by the lease after a run that was killed with one, whatever the times are', () => {
    const lease = { owner, ids: ['id'], held: true } as const;
    const blob = there({ modifiedMs: NOW + 5 * 3_600_000 });
    expect(ask({ lease }, blob)).toBeUndefined();
    expect(ask({ lease }, blob, true)).toBeUndefined();
    expect(ask({ lease }, there(), false)).toContain('its lease is not the one any more');
    expect(ask({ lease, done: [] }, there(), false)).toBeUndefined();
    const refused = { isContinued: undefined };
    expect(suspicionOf({ ...STORED, lease }, there(), refused), 'no leases any more').toBeUndefined();
    expect(suspicionOf({ ...STORED, lease }, blob, refused), 'no leases any more').toContain('was last written to');
    expect(ask({ lease, etag: '"1"' }, there(), false)).toBeUndefined();
  });

  it('goes by what the blob says after a run that stopped in order, where the checkpoint is from before its stop', () => {
    const lease = { owner, ids: ['id'], held: true } as const;
    const left = { vhdup_left: new Date(NOW + 3_600_000).toISOString() };
    expect(ask({ lease }, there({ modifiedMs: NOW + 3_600_000 }, left), false)).toBeUndefined();
    expect(ask({ lease }, there({ modifiedMs: NOW + 3_631_000 }, left), false)).toContain('was last written to');
    expect(ask({ lease }, there({ modifiedMs: NOW + 3_631_000 }, left), true)).toBeUndefined();
    expect(ask({ lease }, there({ modifiedMs: NOW + 3_631_000 }, left)), 'before the lease was asked').toBeUndefined();
  });

  it('suspects a blob whose lease somebody broke, whatever its times and ETag', () => {
    expect(ask({ state: 'exposed' }, there())).toContain('somebody else');
    expect(ask({ state: 'exposed', etag: '"1"' }, there())).toContain('somebody else');
  });

  it('does not mind when nothing was done yet', () => {
    expect(ask({ done: [] }, there({ modifiedMs: NOW + 3_600_000 }))).toBeUndefined();
  });

  it('refuses a blob that a run has completed, whatever became of it since', () => {
    const complete = { modifiedMs: NOW + 3_600_000, metadata: { vhdup_state: 'complete' } };
    expect(() => ask({}, there(complete))).toThrow(/was completed by a run/);
    expect(() => ask({ etag: '"0"' }, there({ ...complete, modifiedMs: NOW }))).toThrow(DestinationError);
  });

  it('goes on after a run that was killed when the blob was complete, but the checkpoint still there', () => {
    const complete = { modifiedMs: NOW + 1000, metadata: { vhdup_state: 'complete' } };
    expect(ask({}, there(complete))).toBeUndefined();
  });
});

describe('where the ETag may have changed by a request that was cut off', () => {
  const stored = { ...STORED, etag: '"0"', etagMayChange: true } as const;

  it('proves that the blob was left alone as long as it is the same', () => {
    const same = there({ etag: '"0"', modifiedMs: NOW + 3_600_000 });
    expect(suspicionOf(stored, same)).toBeUndefined();
    expect(isProven(stored, same, { isContinued: undefined })).toBe(true);
  });

  it('leaves it to the time, which can only raise suspicion', () => {
    const left = { vhdup_left: new Date(NOW).toISOString() };
    expect(suspicionOf(stored, there({ modifiedMs: NOW + 29_000 }, left))).toBeUndefined();
    expect(isProven(stored, there(), { isContinued: undefined })).toBe(false);
    expect(suspicionOf(stored, there({ modifiedMs: NOW + 31_000 }, left))).toContain('was last written to');
  });

  it('does not suspect a run that was killed at its first write, however long that took', () => {
    expect(suspicionOf(stored, there({ modifiedMs: NOW + 3_600_000 }))).toBeUndefined();
  });
});

describe('isProven', () => {
  const ask = (stored: Partial<Checkpoint>, isContinued?: boolean) =>
    isProven({ ...STORED, ...stored }, there(), { isContinued });

  it('goes by the lease and by the ETag', () => {
    expect(ask({}, true)).toBe(true);
    expect(ask({ etag: '"1"' })).toBe(true);
    expect(ask({})).toBe(false);
    expect(ask({}, false)).toBe(false);
    expect(ask({ done: [] }), 'a later run may lose the checkpoint and find what is there').toBe(false);
  });
});

describe('asLastRunLeft', () => {
  const other = { ...owner, id: 'another run' };
  const left = new Date(NOW + 3_600_000).toISOString();

  it('leaves the checkpoint of the last run as it is', () => {
    expect(asLastRunLeft({ ...STORED, etag: '"1"' }, there())).toEqual({ ...STORED, etag: '"1"' });
    const follower = { ...STORED, lease: { owner: other, ids: [], follows: owner.id } };
    expect(asLastRunLeft(follower, there()), 'killed before it had written to the blob').toEqual(follower);
  });

  it.each([
    ['the checkpoint is a copy from before another run', STORED],
    ['the checkpoint was lost', { ...STORED, done: [], fromBlob: true as const }],
  ])('goes by the time at which the last run left the blob, where %s', (_, stored) => {
    const blob = (modifiedMs: number) => there({ modifiedMs }, { vhdup_owner: encodeOwner(other), vhdup_left: left });
    const ask = (at: BlobProperties) =>
      suspicionOf(asLastRunLeft({ ...stored, etag: '"0"', state: 'exposed' }, at), at, { isContinued: false });
    expect(ask(blob(NOW + 3_600_000))).toBeUndefined();
    expect(ask(blob(NOW + 3_600_000 + 31_000))).toContain('was last written to');
  });

  it('goes by the lease of the last run, where that was killed', () => {
    const at = there({ modifiedMs: NOW + 3_600_000 }, { vhdup_owner: encodeOwner(other) });
    const known = asLastRunLeft({ ...STORED, etag: '"0"' }, at);
    expect(known.lease).toEqual({ owner: other, ids: [other.id], held: true });
    for (const lease of [undefined, { isContinued: true }, { isContinued: undefined }])
      expect(suspicionOf(known, at, lease)).toBeUndefined();
    expect(suspicionOf(known, at, { isContinued: false })).toContain('its lease is not the one');
  });

  it('knows a blob that the last run had doubts about', () => {
    const at = there({}, { vhdup_owner: encodeOwner(other), vhdup_left: left, vhdup_state: 'doubted' });
    expect(asLastRunLeft(STORED, at)).toMatchObject({ state: 'doubted' });
  });

  it('knows a blob that was exposed to others during the last run', () => {
    const at = there({}, { vhdup_owner: encodeOwner(other), vhdup_left: left, vhdup_state: 'exposed' });
    expect(suspicionOf(asLastRunLeft(STORED, at), at)).toContain('somebody else');
  });
});

describe('assertSamePages', () => {
  const retrier = new Retrier({ retries: 0 }, () => undefined);
  const { signal } = new AbortController();

  function compare(done: readonly ByteRange[], sent: readonly ByteRange[], listed: readonly ByteRange[]) {
    const digest = new PageSetDigest();
    for (const range of sent) digest.add(range);
    const blob = new MemoryPageBlob();
    blob.put({ size: 1 << 20 });
    blob.ranges = [...listed];
    const stored = { ...STORED, done, sent: { bytes: digest.bytes, pages: digest.toString() } };
    return assertSamePages(stored, blob, retrier, signal);
  }

  it.each([
    ['a page that was lost', []],
    ['a page more', [{ offset: 512, length: 1024 }]],
    ['another page', [{ offset: 1024, length: 512 }]],
  ])('notices %s', async (_, listed) => {
    const failure = await failureOf(compare([{ offset: 0, length: 4096 }], [{ offset: 512, length: 512 }], listed));
    expect(failure).toBeInstanceOf(DestinationError);
    expect(failure.message).toContain('where this upload had written 1 pages');
  });

  it('asks for nothing when nothing is done', async () => {
    await compare([], [], [{ offset: 0, length: 512 }]);
  });

  it('looks at what was done alone, however the ranges are cut', async () => {
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

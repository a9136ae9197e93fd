import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CredentialError, DestinationError, InUseError, ServiceError } from '../../src/errors.ts';
import type { UploadEvent } from '../../src/events.ts';
import { BlobLifecycle } from '../../src/remote/blob-lifecycle.ts';
import { BlobLease } from '../../src/remote/lease.ts';
import type { CheckpointLease } from '../../src/state/checkpoint.ts';
import { beginRun, encodeOwner, endRun } from '../../src/state/lease-holder.ts';
import { MemoryPageBlob, retrying } from '../support/memory-page-blob.ts';
import { failureOf } from '../support/vhd-fixtures.ts';

const UPLOAD = '5f0c2a52-59b4-4f0f-9d7c-2f6a0a5d7b11';
const FOREIGN = '00000000-0000-4000-8000-000000000000';
const ELSEWHERE = { id: 'x', host: 'elsewhere.example', pid: 4711, since: '2026-01-02T03:04:05.678Z' };
const MINUTE_MS = 60_000;

beforeEach(() => {
  // The lease in memory uses the same fake clock.
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function newBlob(): MemoryPageBlob {
  const blob = new MemoryPageBlob();
  blob.put({ size: 512, metadata: { vhdup_upload_id: UPLOAD, vhdup_state: 'uploading' } });
  return blob;
}

function newRun(blob: MemoryPageBlob, signal = new AbortController().signal) {
  const events: UploadEvent[] = [];
  const lost: Error[] = [];
  const retries: string[] = [];
  const owner = beginRun();
  const options = {
    ...{ blob, owner, signal },
    store: retrying(blob, ({ what }) => retries.push(what)),
    emit: (event: UploadEvent) => events.push(event),
    onLost: (error: Error) => lost.push(error),
  };
  const lease = new BlobLease(options);
  const take = async (breakForeign = false) => {
    await lease.acquire(UPLOAD, breakForeign);
    const metadata = { ...blob.blob?.metadata, vhdup_owner: encodeOwner(owner) };
    await lease.attempt(() => blob.setMetadata(metadata, signal));
  };
  /** Takes over the blob as a run that resumes does. */
  const takeOver = async (known: CheckpointLease | undefined, breakForeign = false) => {
    const lifecycle = new BlobLifecycle(options);
    const there = await blob.properties(signal);
    if (there === undefined) throw new Error('There is no blob.');
    lifecycle.assertFree(known, there, breakForeign);
    return await lifecycle.hold(known, there, UPLOAD, breakForeign);
  };
  return { lease, owner, events, lost, retries, take, takeOver };
}

function write(blob: MemoryPageBlob): Promise<void> {
  const run = { range: { offset: 0, length: 512 }, bytes: new Uint8Array(512) };
  return blob.write(run, new AbortController().signal);
}

describe('the lease of a blob', () => {
  it('is held from acquire to release, and every write names it', async () => {
    const blob = newBlob();
    const { lease, take } = newRun(blob);
    await take();
    expect(blob.lease.state(Date.now())).toBe('leased');
    expect(blob.leaseId).toBe(blob.lease.id);
    await lease.attempt(() => write(blob));
    expect(await lease.release()).toBe(blob.blob?.etag);
    expect(blob.lease.state(Date.now())).toBe('available');
    expect(await lease.release()).toBeUndefined();
    await write(blob);
  });

  it('of another program is named if this run may write but not lease', async () => {
    const blob = newBlob();
    blob.lease.acquire(FOREIGN, 60_000, Date.now());
    blob.failOnce('acquireLease', new CredentialError('403'));
    const { lease, take } = newRun(blob);
    const failure = await failureOf(take());
    expect(failure).toBeInstanceOf(InUseError);
    expect(failure.message).toContain('another program holds a lease on it');
    expect(failure.message).toContain('--break-lease');
    await lease.release();
  });

  it('is renewed as long as it is held, and no longer', async () => {
    const blob = newBlob();
    const { lease, lost, take } = newRun(blob);
    await take();
    await vi.advanceTimersByTimeAsync(10 * MINUTE_MS);
    expect(blob.lease.state(Date.now())).toBe('leased');
    expect(blob.operations.filter((operation) => operation === 'renewLease')).toHaveLength(30);
    await lease.release();
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(
      blob.operations.filter((operation) => operation === 'renewLease'),
      'once before the release',
    ).toHaveLength(31);
    expect(lost).toEqual([]);
  });

  it('survives renewals that fail on the way', async () => {
    const blob = newBlob();
    const { lease, lost, take } = newRun(blob);
    await take();
    for (const error of [
      new ServiceError('away', { reason: 'ECONNRESET', transient: true }),
      new CredentialError('403'),
    ]) {
      blob.failOnce('renewLease', error);
    }
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(lost).toEqual([]);
    await lease.attempt(() => write(blob));
    await lease.release();
  });

  it('that has expired is renewed by the first write that notices, once for all writes', async () => {
    const blob = newBlob();
    const { lease, take } = newRun(blob);
    await take();
    vi.setSystemTime(Date.now() + 5 * MINUTE_MS);
    const failures = await Promise.all([1, 2, 3].map(() => failureOf(lease.attempt(() => write(blob)))));
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(ServiceError);
      expect(failure).toMatchObject({ failure: { transient: true, reason: 'LeaseLost' } });
    }
    expect(blob.operations.filter((operation) => operation === 'renewLease')).toHaveLength(1);
    await lease.attempt(() => write(blob));
  });

  it.each([
    ['after it had expired', 5 * MINUTE_MS, (): void => undefined],
    ['after breaking it', 1000, (blob: MemoryPageBlob) => void blob.lease.break(0, Date.now())],
    [
      'after breaking it, which was noticed after a minute',
      1000,
      (blob: MemoryPageBlob) => {
        blob.lease.break(0, Date.now());
        vi.setSystemTime(Date.now() + MINUTE_MS);
      },
    ],
  ])('ends the run after a foreign write to the blob %s, and proves nothing later', async (_, waitMs, end) => {
    const blob = newBlob();
    const { lease, take } = newRun(blob);
    await take();
    vi.setSystemTime(Date.now() + waitMs);
    end(blob);
    blob.put(blob.blob ?? {});
    blob.lease.settle(Date.now());
    const failure = await failureOf(lease.attempt(() => write(blob)));
    expect(failure).toBeInstanceOf(InUseError);
    expect(failure.message).toContain('the data already sent is then read back');
    expect(lease.isHeld).toBe(false);
    expect(await lease.release(), 'no ETag proves anything').toBeUndefined();
  });

  it.each([
    [
      'was taken over',
      { vhdup_upload_id: UPLOAD, vhdup_state: 'uploading', vhdup_owner: encodeOwner(ELSEWHERE) },
      'process 4711 on elsewhere.example, since 2026',
    ],
    [
      'was completed',
      { vhdup_upload_id: UPLOAD, vhdup_state: 'complete' },
      'Another run of this upload completed the blob',
    ],
    ['was replaced', { vhdup_upload_id: FOREIGN, vhdup_state: 'uploading' }, 'was replaced'],
  ])('ends the run when the blob %s while the machine was asleep', async (_, metadata, message) => {
    for (const isFree of [true, false]) {
      const blob = newBlob();
      const { lease, lost, take } = newRun(blob);
      await take();
      blob.lease.break(0, Date.now());
      blob.lease.acquire(FOREIGN, MINUTE_MS, Date.now());
      if (isFree) blob.lease.release(FOREIGN, Date.now());
      blob.put({ size: 512, metadata });
      const failure = await failureOf(lease.attempt(() => write(blob)));
      expect(failure.message).toContain(message);
      expect(failure).toBeInstanceOf(message === 'was replaced' ? DestinationError : InUseError);
      await vi.advanceTimersByTimeAsync(20_000);
      expect(lost[0]?.message).toBe(failure.message);
      expect(await lease.release()).toBeUndefined();
    }
  });

  it('ends the run when the blob was deleted', async () => {
    const blob = newBlob();
    const { lease, take } = newRun(blob);
    await take();
    blob.blob = undefined;
    const lost = new DestinationError('412', { reason: 'LeaseNotPresentWithBlobOperation' });
    expect(await failureOf(lease.attempt(() => Promise.reject(lost)))).toMatchObject({ reason: 'BlobNotFound' });
  });

  it('ends the run if it is broken, also between two writes', async () => {
    const blob = newBlob();
    const { lost, take } = newRun(blob);
    await take();
    blob.lease.break(0, Date.now());
    await vi.advanceTimersByTimeAsync(20_000);
    expect(lost[0]).toBeInstanceOf(InUseError);
    expect(lost[0]?.message).toContain('broke its lease');
  });
});

describe('a second run', () => {
  it('is refused with who, where and since when, until the lease has expired', async () => {
    const blob = newBlob();
    const first = newRun(blob);
    await first.take();
    const failure = await failureOf(newRun(blob).take());
    expect(failure).toBeInstanceOf(InUseError);
    for (const told of [`process ${process.pid} on ${first.owner.host}`, first.owner.since, '--break-lease']) {
      expect(failure.message).toContain(told);
    }
    vi.setSystemTime(Date.now() + MINUTE_MS + 1);
    await newRun(blob).take();
  });

  it('is refused if another program holds the lease', async () => {
    const blob = newBlob();
    blob.lease.acquire(FOREIGN, Number.POSITIVE_INFINITY, Date.now());
    expect((await failureOf(newRun(blob).take())).message).toContain('another program holds a lease');
  });

  it('that may break the lease reports whose it was, and the first run stops', async () => {
    const blob = newBlob();
    const first = newRun(blob);
    await first.take();
    const second = newRun(blob);
    await second.take(true);
    expect(second.events).toMatchObject([{ type: 'warning', code: 'lease-broken' }]);
    expect(JSON.stringify(second.events)).toContain(first.owner.since);
    const failure = await failureOf(
      first.lease.attempt(() =>
        Promise.reject(new DestinationError('412', { reason: 'LeaseIdMismatchWithBlobOperation' })),
      ),
    );
    expect(failure).toBeInstanceOf(InUseError);
    expect(failure.message).toContain(second.owner.since);
    await second.lease.attempt(() => write(blob));
  });

  it('takes over at once from a killed run of this machine, and locks that run out for good', async () => {
    const blob = newBlob();
    const first = newRun(blob);
    await first.take();
    const known = { owner: first.owner, ids: [first.owner.id] };
    expect(await failureOf(newRun(blob).takeOver(known)), 'while the first one lives').toBeInstanceOf(InUseError);
    endRun(first.owner);
    const second = newRun(blob);
    expect(await second.takeOver(known)).toEqual({
      takenOver: first.owner.id,
      etag: blob.blob?.etag,
      wasBroken: false,
    });
    expect(blob.lease.id).toBe(second.owner.id);
    const refused = new DestinationError('412', { reason: 'LeaseIdMismatchWithBlobOperation' });
    expect(await failureOf(first.lease.attempt(() => Promise.reject(refused)))).toBeInstanceOf(InUseError);
  });

  it('takes over at once from a killed run of this machine without a checkpoint, by the metadata of the blob', async () => {
    const blob = newBlob();
    const first = newRun(blob);
    await first.take();
    endRun(first.owner);
    expect(await newRun(blob).takeOver(undefined)).toMatchObject({ takenOver: first.owner.id });
  });

  it('takes over whichever of several leases can be renewed', async () => {
    const blob = newBlob();
    const first = newRun(blob);
    await first.take();
    endRun(first.owner);
    const { owner } = newRun(blob);
    endRun(owner);
    const known = { owner, ids: ['00000000-0000-4000-8000-000000000001', first.owner.id] };
    expect(await newRun(blob).takeOver(known)).toMatchObject({ takenOver: first.owner.id });
  });

  it.each([
    ['elsewhere', ELSEWHERE],
    ['on a machine of this name that cannot be compared', { ...ELSEWHERE, host: hostname() }],
  ])(
    'takes nothing over from a run %s as long as that holds the blob, and does once its lease has expired',
    async (_, owner) => {
      const blob = newBlob();
      blob.lease.acquire(FOREIGN, MINUTE_MS, Date.now());
      const known = { owner, ids: [FOREIGN] };
      expect(await failureOf(newRun(blob).takeOver(known))).toBeInstanceOf(InUseError);
      vi.setSystemTime(Date.now() + 2 * MINUTE_MS);
      expect(await newRun(blob).takeOver(known)).toMatchObject({ takenOver: FOREIGN });
    },
  );

  it.each([
    ['broke the lease of the run that was killed', (blob: MemoryPageBlob) => blob.lease.break(0, Date.now())],
    [
      'wrote to the blob after it had expired',
      (blob: MemoryPageBlob) => {
        vi.setSystemTime(Date.now() + 2 * MINUTE_MS);
        blob.lease.settle(Date.now());
      },
    ],
    [
      'held the blob after it had expired',
      (blob: MemoryPageBlob) => {
        vi.setSystemTime(Date.now() + 2 * MINUTE_MS);
        blob.lease.acquire(FOREIGN, MINUTE_MS, Date.now());
        blob.lease.release(FOREIGN, Date.now());
      },
    ],
  ])('does not take over the lease if another program %s', async (_, interfere) => {
    const blob = newBlob();
    const first = newRun(blob);
    await first.take();
    endRun(first.owner);
    interfere(blob);
    const known = { owner: first.owner, ids: [first.owner.id] };
    expect(await newRun(blob).takeOver(known)).toMatchObject({ takenOver: undefined, etag: blob.blob?.etag });
  });

  it('proves nothing by the ETag of a blob whose lease had expired when it was released', async () => {
    const blob = newBlob();
    const { lease, take } = newRun(blob);
    await take();
    vi.setSystemTime(Date.now() + 2 * MINUTE_MS);
    blob.put(blob.blob ?? {});
    blob.lease.settle(Date.now());
    expect(await lease.release()).toBeUndefined();
  });

  it('recognises its lease if the answer to Acquire Lease was lost', async () => {
    const blob = newBlob();
    const { take, retries } = newRun(blob);
    blob.failOnce('acquireLease', new ServiceError('reset', { reason: 'ECONNRESET', transient: true }), 'after');
    await take();
    expect(retries).toEqual(['Acquire Lease']);
  });
});

describe('a service without leases', () => {
  it.each([
    ['400', new ServiceError('400', { status: 400, reason: 'UnsupportedHeader', transient: false })],
    ['500', new ServiceError('500', { status: 500, reason: 'FeatureNotSupported', transient: false })],
    ['501', new ServiceError('501', { status: 501, reason: 'NotImplemented', transient: false })],
    ['403', new CredentialError('403 AuthorizationPermissionMismatch')],
    ['409', new DestinationError('409', { reason: 'OperationNotAllowedOnManagedDisk' })],
  ])('is reported, and the upload continues without a lease (%s)', async (_, error) => {
    const blob = newBlob();
    blob.failOnce('acquireLease', error);
    const { lease, events, take } = newRun(blob);
    await take();
    expect(events).toMatchObject([{ type: 'warning', code: 'no-lease' }]);
    expect(blob.leaseId).toBeUndefined();
    await lease.attempt(() => write(blob));
    expect(await lease.release()).toBeUndefined();
  });

  it.each([
    [
      'the service is unavailable',
      new ServiceError('gave up', { status: 503, reason: 'ServerBusy', transient: false }),
    ],
    [
      'a proxy answers',
      new ServiceError('gave up', { status: 403, reason: 'HTTP 403', transient: false, suspectAddress: true }),
    ],
    ['nothing answers', new ServiceError('gave up', { reason: 'ECONNREFUSED', transient: false })],
    ['there is no such blob', new DestinationError('404', { reason: 'BlobNotFound' })],
  ])('is not assumed if %s', async (_, error) => {
    const blob = newBlob();
    blob.failOnce('acquireLease', error);
    expect(await failureOf(newRun(blob).take())).toBe(error);
  });

  it('is not assumed if the service refuses to break a lease', async () => {
    const blob = newBlob();
    blob.lease.acquire(FOREIGN, MINUTE_MS, Date.now());
    const refused = new CredentialError('403');
    blob.failOnce('breakLease', refused);
    expect(await failureOf(newRun(blob).take(true))).toBe(refused);
  });
});

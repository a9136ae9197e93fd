import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ManagedDisk, ManagedDisks } from '../../src/azure/arm/managed-disks.ts';
import { InUseError, ServiceError } from '../../src/errors.ts';
import { OwnedDisk, UPLOAD_TAG } from '../../src/remote/owned-disk.ts';

const MINUTE = 60_000;
const ID = {
  subscriptionId: '00000000-0000-0000-0000-000000000001',
  resourceGroup: 'rg',
  type: 'Microsoft.Compute/disks',
  names: ['web01-os'],
} as const;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A disk of the upload "mine", as `get` returns it. */
function watched(get: () => Partial<ManagedDisk>) {
  const found = () => ({ uniqueId: '1', diskState: 'ActiveUpload', tags: { [UPLOAD_TAG]: 'mine' }, ...get() });
  const disks = {
    get: vi.fn(() => Promise.resolve(found())),
    endAccess: () => Promise.resolve({ ...found(), diskState: 'Unattached' }),
  };
  const disk = new OwnedDisk({
    disks: disks as unknown as ManagedDisks,
    id: ID,
    uploadId: 'mine',
    uniqueId: '1',
    isTagged: true,
    expectedMs: 1,
    emit: () => undefined,
  });
  const lost: Error[] = [];
  disk.watch((error) => lost.push(error));
  return { disk, disks, lost };
}

it('is looked at once a minute, and lost when another upload owns it', async () => {
  let owner = 'mine';
  const { disk, disks, lost } = watched(() => ({ tags: { [UPLOAD_TAG]: owner } }));
  await vi.advanceTimersByTimeAsync(3 * MINUTE);
  expect(disks.get).toHaveBeenCalledTimes(3);
  expect(lost).toEqual([]);
  owner = 'another';
  await vi.advanceTimersByTimeAsync(MINUTE);
  expect(lost[0]).toBeInstanceOf(InUseError);
  disk.unwatch();
});

it('is not lost because a look fails', async () => {
  const { disk, lost } = watched(() => {
    throw new ServiceError('The service is busy.', { reason: 'ServerBusy', transient: true });
  });
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  expect(lost).toEqual([]);
  disk.unwatch();
});

it('is not looked at any more from the commit on', async () => {
  let state = 'ActiveUpload';
  const { disk, disks, lost } = watched(() => ({ diskState: state }));
  await vi.advanceTimersByTimeAsync(MINUTE);
  await disk.commit(new AbortController().signal);
  state = 'Unattached';
  await vi.advanceTimersByTimeAsync(5 * MINUTE);
  expect(disks.get).toHaveBeenCalledTimes(1);
  expect(lost).toEqual([]);
});

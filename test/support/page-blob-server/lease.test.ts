import { describe, expect, it } from 'vitest';
import { ServiceError } from './error.ts';
import { BlobLease, type LeaseState } from './lease.ts';

const A = 'a';
const B = 'b';
const START = 1_000_000;
const LATER = START + 5_000;

/** A lease of 15 s by A, in the given state at LATER. */
function leaseThatIs(state: LeaseState): BlobLease {
  const lease = new BlobLease();
  if (state === 'available') return lease;
  lease.acquire(A, state === 'expired' ? 1_000 : 15_000, START);
  if (state === 'breaking') lease.break(10_000, START);
  if (state === 'broken') lease.break(0, START);
  return lease;
}

function outcome(lease: BlobLease, action: (lease: BlobLease) => void): string {
  try {
    action(lease);
  } catch (error) {
    if (error instanceof ServiceError) return error.code;
    throw error;
  }
  return `${lease.state(LATER)} ${lease.id ?? '-'}`;
}

const STATES: readonly LeaseState[] = ['available', 'leased', 'breaking', 'broken', 'expired'];
const MISMATCH = 'LeaseIdMismatchWithLeaseOperation';
const ABSENT = 'LeaseNotPresentWithLeaseOperation';
const BREAKING = 'LeaseIsBreakingAndCannotBeAcquired';
const UNRENEWABLE = 'LeaseIsBrokenAndCannotBeRenewed';
const UNCHANGEABLE = 'LeaseIsBreakingAndCannotBeChanged';

describe('a lease, in each of its states', () => {
  it.each<[string, (lease: BlobLease) => void, readonly string[]]>([
    ['acquire by A', (l) => l.acquire(A, 60_000, LATER), ['leased a', 'leased a', BREAKING, 'leased a', 'leased a']],
    [
      'acquire by B',
      (l) => l.acquire(B, 60_000, LATER),
      ['leased b', 'LeaseAlreadyPresent', BREAKING, 'leased b', 'leased b'],
    ],
    ['renew by A', (l) => l.renew(A, LATER), [ABSENT, 'leased a', UNRENEWABLE, UNRENEWABLE, 'leased a']],
    ['renew by B', (l) => l.renew(B, LATER), [ABSENT, MISMATCH, MISMATCH, MISMATCH, MISMATCH]],
    ['change from A to B', (l) => l.change(A, B, LATER), [ABSENT, 'leased b', UNCHANGEABLE, ABSENT, ABSENT]],
    ['change from B to A', (l) => l.change(B, A, LATER), [ABSENT, 'leased a', UNCHANGEABLE, ABSENT, ABSENT]],
    ['change from B to C', (l) => l.change(B, 'c', LATER), [ABSENT, MISMATCH, UNCHANGEABLE, ABSENT, ABSENT]],
    ['release by A', (l) => l.release(A, LATER), [ABSENT, 'available -', 'available -', 'available -', 'available -']],
    ['release by B', (l) => l.release(B, LATER), [ABSENT, MISMATCH, MISMATCH, MISMATCH, MISMATCH]],
    ['break now', (l) => l.break(0, LATER), [ABSENT, 'broken a', 'broken a', 'broken a', 'broken a']],
    ['break later', (l) => l.break(5_000, LATER), [ABSENT, 'breaking a', 'breaking a', 'broken a', 'broken a']],
    [
      'write without id',
      (l) => l.check(undefined, 'write', LATER),
      ['available -', 'LeaseIdMissing', 'LeaseIdMissing', 'broken a', 'expired a'],
    ],
    [
      'write by A',
      (l) => l.check(A, 'write', LATER),
      ['LeaseNotPresentWithBlobOperation', 'leased a', 'breaking a', 'LeaseLost', 'LeaseLost'],
    ],
    [
      'write by B',
      (l) => l.check(B, 'write', LATER),
      ['LeaseNotPresentWithBlobOperation', ...new Array<string>(4).fill('LeaseIdMismatchWithBlobOperation')],
    ],
    [
      'read without id',
      (l) => l.check(undefined, 'read', LATER),
      ['available -', 'leased a', 'breaking a', 'broken a', 'expired a'],
    ],
    [
      'read by A',
      (l) => l.check(A, 'read', LATER),
      ['LeaseNotPresentWithBlobOperation', 'leased a', 'breaking a', 'LeaseLost', 'LeaseLost'],
    ],
  ])('%s', (_, action, expected) => {
    expect(STATES.map((state) => outcome(leaseThatIs(state), action))).toEqual(expected);
  });

  it('cannot be renewed if the blob was written after the lease expired', () => {
    const lease = leaseThatIs('expired');
    lease.settle(LATER);
    expect(outcome(lease, (l) => l.renew(A, LATER))).toBe(ABSENT);
  });

  it('breaks at its expiry if that is before the end of the period', () => {
    const lease = leaseThatIs('leased');
    expect(lease.break(60_000, LATER)).toBe(10_000);
  });

  it('breaks at once without a period if it is infinite', () => {
    const lease = new BlobLease();
    lease.acquire(A, Number.POSITIVE_INFINITY, START);
    expect(lease.break(undefined, LATER)).toBe(0);
  });
});

// The lease of a blob: the states and outcomes in the tables of "Lease Blob" in the REST reference.

import { ServiceError } from './error.ts';

export type LeaseState = 'available' | 'leased' | 'breaking' | 'broken' | 'expired';

/** One blob's lease. Times are milliseconds of the server's clock, durations infinite for a lease without end. */
export class BlobLease {
  #id: string | undefined;
  #durationMs = Number.POSITIVE_INFINITY;
  #expiresAt = Number.POSITIVE_INFINITY;
  #brokenAt: number | undefined;

  state(now: number): LeaseState {
    if (this.#id === undefined) return 'available';
    if (this.#brokenAt !== undefined) return now < this.#brokenAt ? 'breaking' : 'broken';
    return now < this.#expiresAt ? 'leased' : 'expired';
  }

  /** The id of the lease, also of one that has ended and left its mark. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The x-ms-lease-… headers of Get Blob Properties. */
  describe(now: number): Record<string, string> {
    const state = this.state(now);
    const locked = state === 'leased' || state === 'breaking';
    return {
      'x-ms-lease-status': locked ? 'locked' : 'unlocked',
      'x-ms-lease-state': state,
      ...(state === 'leased' && {
        'x-ms-lease-duration': Number.isFinite(this.#durationMs) ? 'fixed' : 'infinite',
      }),
    };
  }

  acquire(id: string, durationMs: number, now: number): void {
    const state = this.state(now);
    if (state === 'breaking') throw conflict('LeaseIsBreakingAndCannotBeAcquired');
    if (state === 'leased' && id !== this.#id) throw conflict('LeaseAlreadyPresent');
    this.#id = id;
    this.#durationMs = durationMs;
    this.#expiresAt = now + durationMs;
    this.#brokenAt = undefined;
  }

  renew(id: string, now: number): void {
    const state = this.#stateFor(id, now);
    if (state === 'breaking' || state === 'broken') throw conflict('LeaseIsBrokenAndCannotBeRenewed');
    this.#expiresAt = now + this.#durationMs;
  }

  change(id: string, proposedId: string, now: number): void {
    const state = this.state(now);
    if (state === 'breaking') throw conflict('LeaseIsBreakingAndCannotBeChanged');
    if (state !== 'leased') throw conflict('LeaseNotPresentWithLeaseOperation');
    if (id !== this.#id && proposedId !== this.#id) throw conflict('LeaseIdMismatchWithLeaseOperation');
    this.#id = proposedId;
  }

  release(id: string, now: number): void {
    this.#stateFor(id, now);
    this.#forget();
  }

  /** Breaks the lease after `periodMs`, or at its own end if that is sooner. Returns the milliseconds until it is broken. */
  break(periodMs: number | undefined, now: number): number {
    const state = this.state(now);
    if (state === 'available') throw conflict('LeaseNotPresentWithLeaseOperation');
    if (state === 'broken' || state === 'expired') {
      this.#brokenAt = now;
      return 0;
    }
    const remaining = Math.max(0, (this.#brokenAt ?? this.#expiresAt) - now);
    const fallback = Number.isFinite(remaining) ? remaining : 0;
    const period = Math.min(periodMs ?? fallback, remaining);
    this.#brokenAt = now + period;
    return period;
  }

  /** Throws unless a request that names `id` (or none) may read or write the blob. */
  check(id: string | undefined, access: 'read' | 'write', now: number): void {
    const state = this.state(now);
    const held = state === 'leased' || state === 'breaking';
    if (id === undefined) {
      if (held && access === 'write') throw refused('LeaseIdMissing');
      return;
    }
    if (state === 'available') throw refused('LeaseNotPresentWithBlobOperation');
    if (id !== this.#id) throw refused('LeaseIdMismatchWithBlobOperation');
    if (!held) throw refused('LeaseLost');
  }

  /** After a write, a lease that is over can no longer be renewed. */
  settle(now: number): void {
    const state = this.state(now);
    if (state === 'broken' || state === 'expired') this.#forget();
  }

  #stateFor(id: string, now: number): LeaseState {
    if (this.#id === undefined) throw conflict('LeaseNotPresentWithLeaseOperation');
    if (id !== this.#id) throw conflict('LeaseIdMismatchWithLeaseOperation');
    return this.state(now);
  }

  #forget(): void {
    this.#id = undefined;
    this.#brokenAt = undefined;
  }
}

const MESSAGES = {
  LeaseAlreadyPresent: 'There is already a lease present.',
  LeaseIdMismatchWithBlobOperation: 'The lease ID specified did not match the lease ID for the blob.',
  LeaseIdMismatchWithLeaseOperation: 'The lease ID specified did not match the lease ID for the blob.',
  LeaseIdMissing: 'There is currently a lease on the blob and no lease ID was specified in the request.',
  LeaseIsBreakingAndCannotBeAcquired:
    'The lease is already in the breaking state and cannot be acquired until it is broken.',
  LeaseIsBreakingAndCannotBeChanged:
    'The lease ID matched, but the lease is in the breaking state and cannot be changed.',
  LeaseIsBrokenAndCannotBeRenewed: 'The lease ID matched, but the lease was broken explicitly and cannot be renewed.',
  LeaseLost: 'A lease ID was specified, but the lease for the blob has expired.',
  LeaseNotPresentWithBlobOperation: 'There is currently no lease on the blob.',
  LeaseNotPresentWithLeaseOperation: 'There is currently no lease on the blob.',
} as const;

function conflict(code: keyof typeof MESSAGES): ServiceError {
  return new ServiceError(409, code, MESSAGES[code]);
}

function refused(code: keyof typeof MESSAGES): ServiceError {
  return new ServiceError(412, code, MESSAGES[code]);
}

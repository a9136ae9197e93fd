// Keeps everybody else away from one upload: a lock on the checkpoint, and a lease on the blob.

import { ChildAbort } from '../base/linked-abort.ts';
import type { EventListener } from '../events.ts';
import { BlobLease } from '../remote/lease.ts';
import type { CheckpointFile } from '../state/checkpoint-file.ts';
import { beginRun, endRun } from '../state/lease-holder.ts';
import { CheckpointLock } from '../state/lock.ts';
import type { PageBlobTarget } from '../target/page-blob.ts';
import type { Retrier } from '../transfer/retry.ts';

export interface SoleOwnerOptions {
  readonly file: CheckpointFile;
  readonly blob: PageBlobTarget;
  readonly retrier: Retrier;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

export class SoleOwner {
  /** Not taken yet: `openSession` knows whose the blob is. */
  readonly lease: BlobLease;
  readonly #lock: CheckpointLock;
  readonly #stop: ChildAbort;

  private constructor(lease: BlobLease, lock: CheckpointLock, stop: ChildAbort) {
    this.lease = lease;
    this.#lock = lock;
    this.#stop = stop;
  }

  /**
   * Locks the checkpoint.
   * @throws {InUseError} another process uses it.
   * @throws {CheckpointError} its folder cannot be written.
   */
  static async begin({ file, blob, retrier, emit, signal }: SoleOwnerOptions): Promise<SoleOwner> {
    const stop = new ChildAbort(signal);
    const owner = beginRun();
    const onLost = (error: Error) => stop.abort(error);
    try {
      const lock = await CheckpointLock.take(file.path, owner, onLost);
      return new SoleOwner(new BlobLease({ blob, owner, retrier, emit, signal: stop.signal, onLost }), lock, stop);
    } catch (error) {
      endRun(owner);
      stop.unlink();
      throw error;
    }
  }

  /** Aborts with an InUseError when somebody else has taken over; otherwise as the signal that was given. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether the checkpoint is still this run's to write. */
  get mayWriteCheckpoint(): boolean {
    return !this.#lock.isLost;
  }

  /** Does not fail. */
  async end(): Promise<void> {
    // Whoever has saved that the checkpoint does not count on it has left it already.
    this.lease.abandon();
    await this.#lock.release();
    this.#stop.unlink();
    endRun(this.lease.owner);
  }
}

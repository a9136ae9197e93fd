// ExclusiveAccess: ensures that only one run of the program uses a state file.

import { LinkedAbort } from '../base/linked-abort.ts';
import { beginRun, endRun, type Owner } from './lease-holder.ts';
import { CheckpointLock } from './lock.ts';

export class ExclusiveAccess {
  /** This run. */
  readonly owner: Owner;
  readonly #lock: CheckpointLock;
  readonly #stop: LinkedAbort;

  private constructor(owner: Owner, lock: CheckpointLock, stop: LinkedAbort) {
    this.owner = owner;
    this.#lock = lock;
    this.#stop = stop;
  }

  /**
   * Locks the state file at `path`.
   * @throws {InUseError} another run uses the file. @throws {CheckpointError} its folder is not writable.
   */
  static async begin(path: string, signal: AbortSignal): Promise<ExclusiveAccess> {
    const stop = new LinkedAbort(signal);
    const owner = beginRun();
    try {
      const lock = await CheckpointLock.take(path, owner, (error) => stop.abort(error));
      return new ExclusiveAccess(owner, lock, stop);
    } catch (error) {
      endRun(owner);
      stop.unlink();
      throw error;
    }
  }

  /** Aborts with an InUseError when another run has taken over, and whenever the signal passed to `begin` aborts. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether this run may still write to the file. */
  get mayWrite(): boolean {
    return !this.#lock.isLost;
  }

  /** Aborts the run's signal. */
  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }

  /** Releases the file. Never throws. */
  async end(): Promise<void> {
    await this.#lock.release();
    this.#stop.unlink();
    endRun(this.owner);
  }
}

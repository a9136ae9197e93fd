// ExclusiveAccess: one run of the program that has a state file to itself.

import { ChildAbort } from '../base/linked-abort.ts';
import { beginRun, endRun, type Owner } from './lease-holder.ts';
import { CheckpointLock } from './lock.ts';

export class ExclusiveAccess {
  /** This run. */
  readonly owner: Owner;
  readonly #lock: CheckpointLock;
  readonly #stop: ChildAbort;

  private constructor(owner: Owner, lock: CheckpointLock, stop: ChildAbort) {
    this.owner = owner;
    this.#lock = lock;
    this.#stop = stop;
  }

  /**
   * Locks the state file at `path`.
   * @throws {InUseError} another run uses it. @throws {CheckpointError} its folder is not writable.
   */
  static async begin(path: string, signal: AbortSignal): Promise<ExclusiveAccess> {
    const stop = new ChildAbort(signal);
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

  /** Aborts with an InUseError when another run has taken over the lock, and with the signal passed to `begin`. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether this run still has the lock on the file. */
  get mayWrite(): boolean {
    return !this.#lock.isLost;
  }

  /** Aborts `signal`. */
  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }

  /** Does not fail. */
  async end(): Promise<void> {
    await this.#lock.release();
    this.#stop.unlink();
    endRun(this.owner);
  }
}

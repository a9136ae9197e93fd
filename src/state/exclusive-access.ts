// ExclusiveAccess: one run of the program on one state file. Nothing else uses the file meanwhile.

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
   * @throws {InUseError} another run uses it. @throws {CheckpointError} its folder cannot be written.
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

  /** Aborts with an InUseError when another run has taken over; otherwise as the signal that was given. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether the file is still this run's to write. */
  get mayWrite(): boolean {
    return !this.#lock.isLost;
  }

  /** Ends the run as its signal does. */
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

// Saves at regular intervals, never twice at the same time, and never after it was stopped.

export class Autosave {
  readonly #timer: NodeJS.Timeout;
  readonly #save: () => Promise<unknown>;
  #running: Promise<unknown> | undefined;
  #isStopped = false;

  /** @param save - Handles its own failures. */
  constructor(intervalMs: number, save: () => Promise<unknown>) {
    this.#save = save;
    this.#timer = setInterval(() => this.now(), intervalMs);
  }

  /** Starts a save, unless one is running or the autosave was stopped. */
  now(): void {
    if (this.#isStopped) return;
    this.#running ??= this.#save().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when no save is running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }
}

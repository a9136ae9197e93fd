// Saves at regular intervals, never two at a time, and not once more after it was stopped.

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

  /** Begins a save, unless one is under way, or it was stopped. */
  now(): void {
    if (this.#isStopped) return;
    this.#running ??= this.#save().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when no save is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }
}

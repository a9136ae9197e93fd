// Saves at regular intervals, never two at a time, and not once more after it was stopped.

export class Autosave {
  readonly #timer: NodeJS.Timeout;
  #running: Promise<unknown> | undefined;

  /** @param save - Handles its own failures. */
  constructor(intervalMs: number, save: () => Promise<unknown>) {
    this.#timer = setInterval(() => {
      this.#running ??= save().finally(() => {
        this.#running = undefined;
      });
    }, intervalMs);
  }

  /** Resolves when no save is under way any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }
}

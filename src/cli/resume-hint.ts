// Where a verb keeps its state, and what to say of it when the verb has stopped.
import type { UploadEvent } from '../events.ts';

/** Listens to the events of one verb. */
export class KeptState {
  #path: string | undefined;
  #isSaved = true;

  readonly onEvent = (event: UploadEvent): void => {
    if (event.type === 'start' || event.type === 'start-verify') this.#path = event.checkpoint;
    else if (event.type === 'saved') this.#isSaved = true;
    else if (event.type === 'warning' && event.code === 'checkpoint-not-saved') this.#isSaved = false;
  };

  /** Whether there is a state, however old. */
  get isThere(): boolean {
    return this.#path !== undefined;
  }

  /** @param what - "What was sent". */
  describe(what: string): string {
    return this.#isSaved
      ? `${what} is kept in ${this.#path}.`
      : `${what} lately could not be saved: ${this.#path} holds what was saved before, if anything.`;
  }
}

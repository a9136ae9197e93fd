// An AbortController that also aborts when its parent does.
import { setMaxListeners } from 'node:events';

/** Can also be aborted on its own. Call `unlink` when the work is done, so that a long-lived parent does not collect listeners. */
export class LinkedAbort {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #forward = () => this.#controller.abort(this.#parent.reason);

  /** @throws the reason of `parent` if it is already aborted. */
  constructor(parent: AbortSignal) {
    parent.throwIfAborted();
    this.#parent = parent;
    // Each request in flight adds listeners, and the SDK adds several per request.
    setMaxListeners(0, this.signal);
    parent.addEventListener('abort', this.#forward, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Later calls do not change the reason. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  unlink(): void {
    this.#parent.removeEventListener('abort', this.#forward);
  }
}

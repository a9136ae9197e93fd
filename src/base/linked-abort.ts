// An AbortController that also aborts when its parent does.
import { setMaxListeners } from 'node:events';

/** Abort it for reasons of its own, and `unlink` it when the work is done, so that a long-lived parent does not collect listeners. */
export class ChildAbort {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #forward = () => this.#controller.abort(this.#parent.reason);

  /** @throws the reason of `parent` when it is aborted already. */
  constructor(parent: AbortSignal) {
    parent.throwIfAborted();
    this.#parent = parent;
    // Each request in flight listens, and the SDK several times for each.
    setMaxListeners(0, this.signal);
    parent.addEventListener('abort', this.#forward, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The first reason stays. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  unlink(): void {
    this.#parent.removeEventListener('abort', this.#forward);
  }
}

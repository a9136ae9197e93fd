// Output for programs: one JSON object a line on stdout, events first, then a result or an error.
import type { UploadEvent } from '../events.ts';
import { redact } from '../redact.ts';

const PROGRESS_INTERVAL_MS = 1000;

export class JsonLines {
  readonly #stream: NodeJS.WritableStream;
  #lastProgressMs = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  readonly onEvent = (event: UploadEvent): void => {
    if (event.type === 'progress') {
      if (performance.now() - this.#lastProgressMs < PROGRESS_INTERVAL_MS) return;
      this.#lastProgressMs = performance.now();
    }
    this.write(event);
  };

  write(object: object): void {
    this.#stream.write(redactedJson(object));
  }
}

/** A line of JSON without secrets. */
export function redactedJson(object: object): string {
  // Each text on its own: in the whole line, a secret could not be told from the quote and the backslash after it.
  return `${JSON.stringify(object, (_, value: unknown) => (typeof value === 'string' ? redact(value) : value))}\n`;
}

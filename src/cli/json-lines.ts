// Output for programs: one JSON object per line on stdout, in ASCII, first events, then a result or an error.

import { redact } from '../base/redact.ts';
import type { TransferTotals, UploadEvent } from '../events.ts';
import { ProgressMeter } from './progress/progress-numbers.ts';

const PROGRESS_INTERVAL_MS = 1000;

/** Characters that are valid in JSON but unsafe on a terminal: controls above ASCII, and characters that hide or reorder others. */
const UNSAFE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

export class JsonLines {
  readonly #stream: NodeJS.WritableStream;
  readonly #meter = new ProgressMeter();
  #lastProgressMs = Number.NEGATIVE_INFINITY;
  /** The latest progress, if it was not written. */
  #held: object | undefined;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  readonly onEvent = (event: UploadEvent): void => {
    if (event.type !== 'progress') {
      this.write(event);
      return;
    }
    const progress = { ...event, ...this.#numbersOf(event) };
    this.#held = progress;
    if (performance.now() - this.#lastProgressMs < PROGRESS_INTERVAL_MS) return;
    this.#lastProgressMs = performance.now();
    this.write(progress);
  };

  /** The result or the error. The progress before it is written first, so that a reader sees where the work ended. */
  end(outcome: object): void {
    if (this.#held !== undefined) this.write(this.#held);
    this.write(outcome);
  }

  /** Adds the time to the object. */
  write(object: object): void {
    if (object === this.#held) this.#held = undefined;
    const { type, ...rest } = object as { readonly type?: unknown };
    this.#stream.write(asciiJson({ ...(type === undefined ? {} : { type }), time: new Date().toISOString(), ...rest }));
  }

  /** Rounded: more digits would only make the lines longer. */
  #numbersOf(totals: TransferTotals) {
    const { fraction, bytesPerSecond, etaSeconds } = this.#meter.measure(totals);
    return {
      ...(fraction === undefined ? {} : { fraction: Math.floor(fraction * 10_000) / 10_000 }),
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond: Math.round(bytesPerSecond) }),
      ...(etaSeconds === undefined ? {} : { etaSeconds: Math.round(etaSeconds) }),
    };
  }
}

/** A line of JSON without secrets and without characters that control a terminal. */
export function redactedJson(object: object): string {
  // Redacts each string on its own: in the whole line, a secret would seem to include the quote or backslash after it.
  const line = JSON.stringify(object, (_, value: unknown) => (typeof value === 'string' ? redact(value) : value));
  return `${line.replace(UNSAFE, escapeUnits)}\n`;
}

/**
 * A line of JSON in ASCII. PowerShell reads the output of programs in the code page of the console, in which other characters break.
 */
export function asciiJson(object: object): string {
  return redactedJson(object).replace(/[\u0080-\uffff]/g, escapeUnits);
}

/** Escapes that a JSON parser turns back into the same text. */
function escapeUnits(text: string): string {
  return Array.from({ length: text.length }, (_, index) => {
    return `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}

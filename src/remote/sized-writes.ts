// Writes in requests as large as what lies between this machine and the service lets through: a gateway may refuse bodies above
// its own limit (413), often 1 MiB.
import type { PageRun } from '../base/page-run.ts';
import { ServiceError } from '../errors.ts';
import type { PageWriter } from '../target/page-store.ts';
import { pageChecksum } from '../transfer/checksum.ts';

/** No request gets smaller, in bytes: a disk in requests of a few KiB would take weeks. */
export const SMALLEST_WRITE = 64 * 1024;

export interface SizedWritesOptions {
  /** Takes one request each. */
  readonly target: PageWriter;
  /** Called when requests have to be smaller from now on, with their largest size in bytes. */
  readonly onSmaller: (bytes: number) => void;
}

/** Halves the size of requests for as long as they are refused, and keeps to what was found for all runs after that. */
export class SizedWrites implements PageWriter {
  readonly #options: SizedWritesOptions;
  #largest = Number.POSITIVE_INFINITY;

  constructor(options: SizedWritesOptions) {
    this.#options = options;
  }

  /** @throws {ServiceError} even the smallest request is refused, or anything else that the target throws. */
  async write(run: PageRun, signal: AbortSignal): Promise<void> {
    for (let done = 0; done < run.range.length; ) {
      const part = this.#part(run, done);
      try {
        await this.#options.target.write(part, signal);
        done += part.range.length;
      } catch (error) {
        if (!(error instanceof ServiceError) || error.failure.status !== 413) throw error;
        this.#shrink(part.range.length, error);
      }
    }
  }

  /** What is written next of a run of which `done` bytes are there. */
  #part(run: PageRun, done: number): PageRun {
    const length = Math.min(run.range.length - done, this.#largest);
    if (length === run.range.length) return run;
    const bytes = run.bytes.subarray(done, done + length);
    const range = { offset: run.range.offset + done, length };
    return { range, bytes, checksum: pageChecksum(run.checksum?.algorithm ?? 'none', bytes) };
  }

  #shrink(refused: number, error: ServiceError): void {
    if (refused <= SMALLEST_WRITE) {
      throw new ServiceError(
        `${error.message} Even requests of ${refused} bytes are too large for what lies between this machine and Azure Storage. Raise its limit for the body of a request (client_max_body_size in nginx), or use a network without it.`,
        error.failure,
      );
    }
    const half = Math.max(SMALLEST_WRITE, Math.floor(refused / 2 / SMALLEST_WRITE) * SMALLEST_WRITE);
    // Requests that were on their way together are refused together: that halves the size once.
    if (half >= this.#largest) return;
    this.#largest = half;
    this.#options.onSmaller(half);
  }
}

// Writes in requests as large as a gateway on the way to the service allows. A gateway may refuse bodies above its own limit (413),
// often 1 MiB.
import type { PageRun } from '../base/page-run.ts';
import { ServiceError } from '../errors.ts';
import type { PageWriter } from '../target/page-store.ts';
import { pageChecksum } from '../transfer/checksum.ts';

/** Requests never get smaller than this, in bytes: with a few KiB per request, a disk would take weeks. */
export const SMALLEST_WRITE = 64 * 1024;

export interface SizedWritesOptions {
  /** Each write is one request. */
  readonly target: PageWriter;
  /** Called with the new largest request size in bytes, when it shrinks. */
  readonly onSmaller: (bytes: number) => void;
}

/** Halves the request size while requests are refused, and keeps the result for all later runs. */
export class SizedWrites implements PageWriter {
  readonly #options: SizedWritesOptions;
  #largest = Number.POSITIVE_INFINITY;

  constructor(options: SizedWritesOptions) {
    this.#options = options;
  }

  /** @throws {ServiceError} even the smallest request is refused; anything else that the target throws. */
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

  /** The part of a run to write next, after its first `done` bytes. */
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
        `${error.message} A proxy or gateway on the way to Azure Storage refuses even requests of ${refused} bytes. Raise its limit for request bodies (client_max_body_size in nginx), or use a network without it.`,
        error.failure,
      );
    }
    // The next power of two below: gateways have their limits there.
    const smaller = Math.max(SMALLEST_WRITE, 2 ** (Math.ceil(Math.log2(refused)) - 1));
    // Requests that were in flight together are refused together, which must shrink the size only once.
    if (smaller >= this.#largest) return;
    this.#largest = smaller;
    this.#options.onSmaller(smaller);
  }
}

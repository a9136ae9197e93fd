// The MD5 of a whole fixed VHD, computed in order while the upload sends windows out of order.
import { WINDOW_SIZE } from '../base/byte-range.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import { AnsweringThread, SMALL_HEAP, startWorker } from '../base/worker-thread.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import { planWindows } from '../transfer/plan.ts';
import { type Md5Step, md5Steps } from './md5-steps.ts';

/** Zeros hashed per step, in bytes. A step takes about 15 ms, so that a stop, or an upload without a worker thread, does not wait long. */
const MAX_ZEROS = 8 * 1024 * 1024;
const WAITING_INTERVAL_MS = 1000;
/** One buffer is filled while the other is hashed. */
const BUFFERS = 2;

/** Starts at once. Reads the image a second time, usually from the system's cache. Unallocated ranges are not read. */
export class ContentMd5 {
  /** Bytes of the VHD hashed so far. */
  #hashed = 0;
  readonly #digest: Promise<Uint8Array>;
  readonly #stop: LinkedAbort;

  /** @param onFailure - Called if the MD5 cannot be computed; `digest` throws the same error. Not called on abort. */
  constructor(source: FixedVhdView, signal: AbortSignal, onFailure: (error: unknown) => void) {
    this.#stop = new LinkedAbort(signal);
    this.#digest = this.#run(source, this.#stop.signal);
    this.#digest.catch((error: unknown) => {
      if (!this.#stop.signal.aborted) onFailure(error);
    });
  }

  /**
   * Waits for the result.
   * @param onWaiting - Called once a second with the number of bytes hashed.
   * @throws what reading the image throws; the reason of the signal on abort.
   */
  async digest(onWaiting: (hashed: number) => void): Promise<Uint8Array> {
    const timer = setInterval(() => onWaiting(this.#hashed), WAITING_INTERVAL_MS);
    try {
      return await this.#digest;
    } finally {
      clearInterval(timer);
    }
  }

  /** Stops the computation, and returns when its thread has exited. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('The MD5 is no longer needed.'));
    this.#stop.unlink();
    await this.#digest.catch(() => undefined);
  }

  async #run(source: FixedVhdView, signal: AbortSignal): Promise<Uint8Array> {
    const thread = new AnsweringThread<Md5Step, Uint8Array | undefined>({
      title: 'The thread that computes the MD5',
      start: () => startWorker('content-md5-worker', import.meta.url, { resourceLimits: SMALL_HEAP }),
      answerHere: md5Steps(),
    });
    const buffers = Array.from({ length: BUFFERS }, () => new Uint8Array(new SharedArrayBuffer(WINDOW_SIZE)));
    try {
      let hashing: Promise<Uint8Array | undefined> = Promise.resolve(undefined);
      const post = async (step: Md5Step): Promise<void> => {
        await hashing;
        signal.throwIfAborted();
        hashing = thread.ask(step);
        // The next step awaits it. Until then a rejection must not count as unhandled.
        hashing.catch(() => undefined);
      };
      const postZeros = async (until: number): Promise<void> => {
        for (let left = until - this.#hashed; left > 0; left = until - this.#hashed) {
          const zerosLength = Math.min(left, MAX_ZEROS);
          await post({ zerosLength });
          this.#hashed += zerosLength;
        }
      };
      let index = 0;
      for await (const window of planWindows(source)) {
        await postZeros(window.offset);
        const bytes = buffers[index++ % BUFFERS]?.subarray(0, window.length) ?? new Uint8Array();
        await source.read(window, bytes);
        await post({ bytes, zerosLength: 0 });
        this.#hashed += window.length;
      }
      await postZeros(source.diskSize);
      await post({ bytes: source.footer, zerosLength: 0, isLast: true });
      this.#hashed = source.size;
      const digest = await hashing;
      if (digest === undefined) throw new Error('The thread that computes the MD5 returned no result.');
      return digest;
    } finally {
      await thread.close();
    }
  }
}

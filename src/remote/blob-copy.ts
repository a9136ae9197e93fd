// BlobCopy: copies a blob on the server, and gives the copy what a blob has that an upload created. Each step can be repeated after a kill.

import { setTimeout as delay } from 'node:timers/promises';
import { printable } from '../base/printable.ts';
import { DestinationError } from '../errors.ts';
import { sequenceNumberOf, UPLOAD_ID } from '../state/blob-metadata.ts';
import type { BlobProperties, CopyBlobOptions, PageBlob } from '../target/page-blob.ts';
import { replacedMeanwhile } from './lease.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/** The pause between two looks at a pending copy grows from the first to the second, in milliseconds. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5000;

/** A blob that an upload has copied. */
export interface CopiedBlob {
  readonly uploadId: string;
  /** Undefined if the run that started the copy was killed before it could save the id. */
  readonly copyId: string | undefined;
}

export class ServerCopy {
  readonly #blob: PageBlob;
  readonly #store: RetryingPageStore<BlobProperties>;

  /** @param blob - The blob to create. @param store - The same blob, with retries. */
  constructor(blob: PageBlob, store: RetryingPageStore<BlobProperties>) {
    this.#blob = blob;
    this.#store = store;
  }

  /**
   * Starts the copy. Replaces only the blob that `replaces` names.
   * @returns the id of the copy, if it is known.
   * @throws {DestinationError} another blob exists, or the source was modified. @throws {CredentialError} the source cannot be read.
   */
  async start(uploadId: string, options: CopyBlobOptions, signal: AbortSignal): Promise<string | undefined> {
    try {
      const copyId = await this.#store.request('Copy Blob', signal, (attempt) => this.#blob.copyFrom(options, attempt));
      return copyId ?? (await this.#own({ uploadId, copyId }, signal)).copy?.id;
    } catch (error) {
      if (!(error instanceof DestinationError)) throw error;
      // An earlier attempt whose answer was lost may have started the copy.
      const found = await this.#store.properties(signal).catch(() => undefined);
      if (found?.metadata[UPLOAD_ID] !== uploadId) throw error;
      return found.copy?.id;
    }
  }

  /**
   * Waits until the copy has ended.
   * @param onProgress - Called with the number of bytes copied so far.
   * @returns the copied blob, and whether it is certain that nothing else has written to it since.
   * @throws {DestinationError} the copy failed, or something else replaced the blob; the reason of `signal` on abort.
   */
  async wait(
    copied: CopiedBlob,
    onProgress: (done: number) => void,
    signal: AbortSignal,
  ): Promise<{ found: BlobProperties; isCertain: boolean }> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      const found = await this.#own(copied, signal);
      const { copy } = found;
      // Once its properties are set, a blob no longer shows that it is a copy. A run that was killed afterwards has set them.
      if (copy === undefined) return { found, isCertain: false };
      if (copy.status === 'success') return { found, isCertain: !copy.wasWrittenSince };
      if (copy.status !== 'pending') throw this.#failed(copy.status, copy.description);
      onProgress(copy.done);
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      signal.throwIfAborted();
    }
  }

  /**
   * Gives the copy the sequence number of its upload, and removes the Content-MD5 of the source.
   * @param contentType - @default that of the source
   * @returns the ETag afterwards. It is undefined if it is not certain that nothing else has written to the blob meanwhile.
   * @throws {DestinationError} something else replaced the blob, or is writing to it.
   */
  async adopt(
    copied: CopiedBlob,
    { etag }: BlobProperties,
    contentType: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const steps: readonly ((attempt: AbortSignal, etag: string) => Promise<string | undefined>)[] = [
      (attempt, known) => this.#blob.setContentMd5(undefined, attempt, known, contentType),
      (attempt, known) => this.#blob.setSequenceNumber(sequenceNumberOf(copied.uploadId), attempt, known),
    ];
    let known = etag;
    let isCertain = true;
    for (const step of steps) {
      const attempt = () => this.#store.request('Set Blob Properties', signal, (each) => step(each, known));
      const next = await attempt().catch(async (error: unknown) => {
        if (!(error instanceof DestinationError) || error.reason !== 'ConditionNotMet') throw error;
        // An earlier attempt whose answer was lost may have changed the ETag. To repeat the step is harmless.
        isCertain = false;
        known = (await this.#own(copied, signal)).etag;
        return await attempt();
      });
      if (next === undefined) isCertain = false;
      known = next ?? (await this.#own(copied, signal)).etag;
    }
    return isCertain ? known : undefined;
  }

  /** @throws {DestinationError} the blob was deleted or replaced. */
  async #own({ uploadId, copyId }: CopiedBlob, signal: AbortSignal): Promise<BlobProperties> {
    const found = await this.#store.properties(signal);
    const isOwn = found?.metadata[UPLOAD_ID] === uploadId;
    const isOtherCopy = copyId !== undefined && found?.copy !== undefined && found.copy.id !== copyId;
    if (found === undefined || !isOwn || isOtherCopy) throw replacedMeanwhile(this.#store.url, found);
    return found;
  }

  #failed(status: 'failed' | 'aborted', description = 'no reason given'): DestinationError {
    const what = status === 'failed' ? 'failed' : 'was aborted';
    return new DestinationError(
      `The copy of the base to ${this.#store.url} ${what}: ${printable(description)}. Run the same command again to copy it once more, or upload without --base (with --restart --overwrite).`,
    );
  }
}

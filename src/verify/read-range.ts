// Reads pages of a blob back, and makes sure that what came is what the service sent.

import type { ByteRange } from '../base/byte-range.ts';
import { ServiceError } from '../errors.ts';
import type { PageBlobTarget } from '../target/page-blob.ts';
import type { Checksum, ChecksumAlgorithm } from '../target/page-target.ts';
import type { Line } from '../transfer/congestion-control.ts';
import type { Retrier } from '../transfer/retry.ts';

export interface ReadBackOptions {
  readonly blob: PageBlobTarget;
  /** All reads are of the blob with this ETag. */
  readonly etag: string;
  readonly checksum: ChecksumAlgorithm;
  /** Of bytes that were read. */
  readonly checksumOf: (bytes: Uint8Array) => Promise<Checksum | undefined>;
  readonly retrier: Retrier;
  readonly line: Line;
}

/**
 * Fills `into`, which is as long as `range`, at most 4 MiB.
 * @returns whether the service's own checksum of the range was there to compare with.
 * @throws {ServiceError} retries used up. @throws {DestinationError} the blob is not there, or was changed.
 */
export async function readBack(
  { blob, etag, checksum, checksumOf, retrier, line }: ReadBackOptions,
  range: ByteRange,
  into: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  const what = `Get Blob ${range.offset}+${range.length}`;
  const attempt = async (attemptSignal: AbortSignal) => {
    const sent = await blob.read(range, into, { etag, checksum }, attemptSignal);
    if (sent === undefined) return false;
    const received = await checksumOf(into);
    if (received !== undefined && Buffer.compare(sent.value, received.value) !== 0) {
      throw new ServiceError(
        `${what} failed: the service sent bytes with the ${sent.algorithm} ${hex(sent)}, but those that came have ${hex(received)}.`,
        { reason: 'ChecksumMismatch', transient: true, checksumMismatch: true },
      );
    }
    return true;
  };
  return await line.limit(async () => {
    let isProven = false;
    await retrier.run(
      what,
      signal,
      (attemptSignal) =>
        line.attempt(range.length, async () => {
          isProven = await attempt(attemptSignal);
        }),
      (turn) => line.admit(range.length, turn),
    );
    return isProven;
  });
}

function hex({ value }: Checksum): string {
  return Buffer.from(value).toString('hex');
}

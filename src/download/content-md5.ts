// Compares the file, before it gets its name, with the MD5 that is stored with the blob.
import { createHash } from 'node:crypto';
import { WINDOW_SIZE } from '../base/byte-range.ts';
import { VerificationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { LocalImage } from '../target/local-image.ts';

const REPORT_INTERVAL_MS = 1000;

export interface ContentMd5Options {
  /** The complete image, before it gets its name. */
  readonly image: Pick<LocalImage, 'read'>;
  /** Size of the disk in bytes. */
  readonly length: number;
  /** What follows the disk in the blob. */
  readonly footer: Uint8Array;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/** The MD5 of the blob's content: of the disk in the file, whatever its format, and the footer. @throws {LocalFileError} it cannot be read. */
export async function md5OfImage({ image, length, footer, emit, signal }: ContentMd5Options): Promise<Buffer> {
  const hash = createHash('md5');
  const size = length + footer.length;
  let nextMs = 0;
  const buffer = new Uint8Array(WINDOW_SIZE);
  for (let done = 0; done < length; ) {
    signal.throwIfAborted();
    const bytes = buffer.subarray(0, Math.min(WINDOW_SIZE, length - done));
    await image.read({ offset: done, length: bytes.length }, bytes);
    hash.update(bytes);
    done += bytes.length;
    if (performance.now() >= nextMs) {
      nextMs = performance.now() + REPORT_INTERVAL_MS;
      emit({ type: 'hashing', done, size });
    }
  }
  return hash.update(footer).digest();
}

/** @param isProven - Whether the service has sent a checksum with every range. */
export function md5Mismatch(url: string, stored: Uint8Array, found: Buffer, isProven: boolean): VerificationError {
  const reason = isProven
    ? 'The service sent a checksum with every range, and all of them matched, so the Content-MD5 is probably out of date: the service does not update it when pages are written.'
    : 'The Content-MD5 may be out of date: the service does not update it when pages are written.';
  return new VerificationError(
    `The MD5 of what was downloaded from ${url} is ${found.toString('base64')}, but the Content-MD5 of the blob is ${Buffer.from(stored).toString('base64')}. ${reason} The file was removed. To download without this comparison, give --verify none.`,
  );
}

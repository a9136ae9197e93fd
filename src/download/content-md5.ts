// Compares the file, before it gets its name, with the MD5 that is stored with the blob.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { WINDOW_SIZE } from '../base/byte-range.ts';
import { explainFileProblem, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { LocalFileError, VerificationError } from '../errors.ts';
import type { EventListener } from '../events.ts';

const REPORT_INTERVAL_MS = 1000;

export interface ContentMd5Options {
  /** The temporary file, which stores each byte of the disk at its own offset. */
  readonly path: string;
  /** Bytes to read from it. */
  readonly length: number;
  /** What follows them in the blob. */
  readonly footer: Uint8Array;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/** The MD5 of the blob's content, from the file. @throws {LocalFileError} it cannot be read. */
export async function md5OfFile({ path, length, footer, emit, signal }: ContentMd5Options): Promise<Buffer> {
  const hash = createHash('md5');
  const size = length + footer.length;
  let nextMs = 0;
  try {
    const file = await open(path, 'r');
    try {
      const buffer = new Uint8Array(WINDOW_SIZE);
      for (let done = 0; done < length; ) {
        signal.throwIfAborted();
        const { bytesRead } = await file.read(buffer, 0, Math.min(WINDOW_SIZE, length - done), done);
        if (bytesRead === 0) throw new LocalFileError(`${shownPath(path)} was cut off while it was read back.`);
        hash.update(buffer.subarray(0, bytesRead));
        done += bytesRead;
        if (performance.now() >= nextMs) {
          nextMs = performance.now() + REPORT_INTERVAL_MS;
          emit({ type: 'hashing', done, size });
        }
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new LocalFileError(`Cannot read back ${shownPath(path)}: ${explainFileProblem(error)}`, { cause: error });
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

// The body of an answer, read into memory that is there already.

import { printable } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';
import { ServiceError } from '../../errors.ts';
import { unusableAnswer } from '../errors.ts';

/**
 * Bytes that are received between two collections. Each 64 KiB of them come in memory of their own, which is garbage as soon as it
 * is copied. By itself V8 collects late, and then the whole heap: to read 2 GiB back took 35 MiB more at its peak, and 8 seconds of
 * CPU time instead of 5.
 */
const COLLECT_INTERVAL = 2 * 1024 * 1024;

/**
 * Counts what is received, and has its garbage collected from time to time.
 * @param collectGarbage - Collects what was allocated lately.
 */
export function collectingGarbage(collectGarbage: () => void): (bytes: number) => void {
  let received = 0;
  return (bytes) => {
    received += bytes;
    if (received < COLLECT_INTERVAL) return;
    received = 0;
    collectGarbage();
  };
}

/**
 * Fills `into` with the whole of `body`.
 * @param what - What was attempted: "Get Blob 0+4194304".
 * @param onReceived - Called with the length of each piece, once it is copied.
 * @throws {ServiceError} the body ends too early or too late, or its connection is lost; the reason of `signal` on abort.
 */
export async function fillFrom(
  what: string,
  body: NodeJS.ReadableStream | undefined,
  into: Uint8Array,
  signal: AbortSignal,
  onReceived?: (bytes: number) => void,
): Promise<void> {
  let length = 0;
  try {
    for await (const piece of body ?? []) {
      const bytes = piece as Buffer;
      length += bytes.length;
      // It may have no end. Leaving the loop ends the stream, and its connection.
      if (length > into.length) break;
      into.set(bytes, length - bytes.length);
      onReceived?.(bytes.length);
    }
  } catch (error) {
    signal.throwIfAborted();
    // The SDK calls a connection that was lost an abort, and gives no code for a body that was cut.
    const { message, code = 'BodyLost' } = error as NodeJS.ErrnoException;
    throw new ServiceError(
      `${what} failed: its answer broke off after ${length} bytes, ${printable(redact(message))}`,
      {
        reason: code === 'ABORT_ERR' ? 'BodyLost' : code,
        transient: true,
      },
    );
  }
  if (length !== into.length) {
    const came = length > into.length ? 'more' : `${length}`;
    const problem = `${came} bytes came, but ${into.length} were asked for`;
    throw unusableAnswer({ operation: 'Get Blob', what }, problem, undefined);
  }
}

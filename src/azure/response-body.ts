// The body of an answer, read into memory that is there already.
import { ServiceError } from '../errors.ts';
import { redact } from '../redact.ts';

/**
 * Fills `into` with the whole of `body`.
 * @param what - What was attempted: "Get Blob 0+4194304".
 * @throws {ServiceError} the body ends too early or too late, or its connection is lost; the reason of `signal` on abort.
 */
export async function fillFrom(
  what: string,
  body: NodeJS.ReadableStream | undefined,
  into: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  let length = 0;
  try {
    for await (const piece of body ?? []) {
      const bytes = piece as Buffer;
      if (length + bytes.length <= into.length) into.set(bytes, length);
      length += bytes.length;
    }
  } catch (error) {
    signal.throwIfAborted();
    // The SDK calls a connection that was lost an abort, and gives no code for a body that was cut.
    const { message, code = 'BodyLost' } = error as NodeJS.ErrnoException;
    throw new ServiceError(`${what} failed: its answer broke off after ${length} bytes, ${redact(message)}`, {
      reason: code === 'ABORT_ERR' ? 'BodyLost' : code,
      transient: true,
    });
  }
  if (length !== into.length) {
    throw new ServiceError(`${what} failed: ${length} bytes came, but ${into.length} were asked for.`, {
      reason: 'BodyLength',
      transient: true,
    });
  }
}

// The body of a Put Page request: the bytes themselves, or a stream of pieces.
import { Readable } from 'node:stream';
import type { HttpRequestBody } from '@azure/storage-blob';

/** Resolves when this many bytes may be sent. */
export type Throttle = (bytes: number, signal: AbortSignal) => Promise<void>;

/** Small enough to be smooth at 1 MiB/s, large enough to be cheap at 100 MiB/s. */
const THROTTLED_PIECE = 64 * 1024;
/**
 * TLS encrypts each write as a whole, into its own memory, and reports no progress until all of it is sent. Whole windows would
 * take twice the memory, and look like stalls on a slow connection.
 */
const TLS_PIECE = 256 * 1024;

/**
 * Splits the body into pieces for TLS, and to keep to a rate limit.
 * @param throttle - Undefined without a rate limit.
 */
export function requestBody(
  bytes: Uint8Array,
  isSecure: boolean,
  throttle: Throttle | undefined,
  signal: AbortSignal,
): HttpRequestBody {
  if (throttle === undefined && !isSecure) return bytes;
  return () => {
    const pieces = throttle === undefined ? piecesOf(bytes, TLS_PIECE) : throttled(bytes, throttle, signal);
    const stream = Readable.from(pieces, { objectMode: false });
    // On abort, the request itself fails. Nothing else handles the stream's own error.
    return stream.on('error', () => stream.destroy());
  };
}

function* piecesOf(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}

async function* throttled(bytes: Uint8Array, throttle: Throttle, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (const piece of piecesOf(bytes, THROTTLED_PIECE)) {
    await throttle(piece.length, signal);
    yield piece;
  }
}

// The body of a Put Page: the bytes themselves, or a stream of them in pieces.
import { Readable } from 'node:stream';
import type { HttpRequestBody } from '@azure/storage-blob';

/** Waits until so many bytes may be sent. */
export type Throttle = (bytes: number, signal: AbortSignal) => Promise<void>;

/** Small enough to be smooth at 1 MiB/s, large enough to cost nothing at a hundred. */
const THROTTLED_PIECE = 64 * 1024;
/**
 * TLS encrypts at once all that it is given, into memory of its own, and is said to have moved nothing until the last of that is
 * sent: whole windows would take twice the memory, and on a slow line look like stalls.
 */
const TLS_PIECE = 256 * 1024;

/**
 * In pieces to keep to the rate that was asked for, and for TLS.
 * @param throttle - Undefined where no rate was asked for.
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
    // On abort the request fails by itself; the stream's own error has nobody else to hear it.
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

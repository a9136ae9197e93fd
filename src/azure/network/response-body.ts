// Reads the body of an answer into existing memory.

import { printable } from '../../base/printable.ts';
import { redact } from '../../base/redact.ts';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { ServiceError } from '../../errors.ts';
import { unusableAnswer } from '../errors.ts';
import type { Throttle } from './request-body.ts';

/**
 * Bytes received between two garbage collections. Each 64 KiB arrive in their own buffer, which is garbage once it is copied. V8
 * alone collects late, and then the whole heap: without this, reading back 2 GiB took 35 MiB more at the peak, and 8 seconds of CPU
 * time instead of 5.
 */
const COLLECT_INTERVAL = 2 * 1024 * 1024;

/**
 * Counts received bytes and collects garbage at regular intervals.
 * @param collectGarbage - Collects recently allocated memory.
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

export interface FillOptions {
  /** Called with the length of each piece after it is copied. */
  readonly onReceived?: ((bytes: number) => void) | undefined;
  /** Called after each piece, before the next one is taken from the connection. */
  readonly throttle?: Throttle | undefined;
}

/**
 * Fills `into` with the whole body.
 * @param what - The request: "Get Blob 0+4194304".
 * @throws {ServiceError} the body is too short or too long, or the connection is lost; the reason of `signal` on abort.
 */
export async function fillFrom(
  what: string,
  body: NodeJS.ReadableStream | undefined,
  into: Uint8Array,
  signal: AbortSignal,
  { onReceived, throttle }: FillOptions = {},
): Promise<void> {
  let length = 0;
  try {
    for await (const piece of body ?? []) {
      const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
      length += bytes.length;
      // The body may be endless. Leaving the loop closes the stream and its connection.
      if (length > into.length) break;
      into.set(bytes, length - bytes.length);
      onReceived?.(bytes.length);
      await throttle?.(bytes.length, signal);
    }
  } catch (error) {
    signal.throwIfAborted();
    const code = codeOf(error);
    throw new ServiceError(
      `${what} failed: its answer was cut off after ${length} bytes: ${printable(redact(messageOf(error)))}`,
      // The SDK reports a lost connection as an abort, and a truncated body without a code.
      { reason: code === undefined || code === 'ABORT_ERR' ? 'BodyLost' : code, transient: true },
    );
  }
  if (length !== into.length) {
    const received = length > into.length ? 'more' : `only ${length}`;
    const problem = `${into.length} bytes were requested, but ${received} arrived`;
    throw unusableAnswer({ operation: 'Get Blob', what }, problem, undefined);
  }
}

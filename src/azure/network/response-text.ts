// Reads the text of an answer within a limit.
import { ClientRequest } from 'node:http';

/** Undefined if the text is longer than `maxBytes`; the connection is closed then. */
export async function readText(body: NodeJS.ReadableStream, maxBytes: number): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    length += bytes.length;
    if (length > maxBytes) {
      destroyBody(body);
      return undefined;
    }
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString();
}

/** Also closes the connection. The stream may emit an error then, and nothing else handles it. */
export function destroyBody(body: NodeJS.ReadableStream): void {
  body.on('error', () => undefined);
  if ('destroy' in body && typeof body.destroy === 'function') body.destroy();
}

/**
 * Closes the connection of an answer that was read, if the connection does not report soon that the request was sent. Over TLS, Node 26
 * (seen with 26.12.1) never reports it if the answer arrives first: it would keep the connection, and never use it again.
 * @param afterMs - How long to wait, in milliseconds.
 */
export function closeIfUnfinished(body: NodeJS.ReadableStream, afterMs: number): void {
  const request = 'req' in body ? body.req : undefined;
  // A request whose connection is free already counts as destroyed, and may have its socket used by another one.
  if (!(request instanceof ClientRequest) || request.destroyed || request.writableFinished) return;
  const close = () => {
    if (!request.writableFinished) request.destroy();
  };
  // A busy process may be late to hear of the end.
  const timer = setTimeout(() => setImmediate(close), afterMs).unref();
  request.once('finish', () => clearTimeout(timer));
}

// Reads the text of an answer within a limit.

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

// The lines of a text file that may be long, cut, or something else altogether.
import type { FileHandle } from 'node:fs/promises';

const CHUNK = 1024 * 1024;

export interface FileLine {
  /** Undefined if the line is longer than allowed. */
  readonly text: string | undefined;
  /** The start of the line in the file, and its length without the line feed, in bytes; of a longer line, what was read of it. */
  readonly position: number;
  readonly length: number;
}

/**
 * Yields complete lines. A line without its line feed at the end was interrupted, and is left out.
 * @param maxLine - Longer lines are yielded without their text, in bytes.
 * @param end - Where to stop, in bytes. @default the end of the file
 */
export async function* linesOf(
  handle: FileHandle,
  maxLine: number,
  end: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<FileLine> {
  let rest: Uint8Array = Buffer.alloc(0);
  /** The start of `rest` in the file. */
  let position = 0;
  let isSkipping = false;
  for (let offset = 0; offset < end; ) {
    const wanted = Math.min(CHUNK, end - offset);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, offset);
    if (bytesRead === 0) return;
    offset += bytesRead;
    const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    let start = 0;
    for (let newline = bytes.indexOf('\n'); newline >= 0; newline = bytes.indexOf('\n', start)) {
      const length = newline - start;
      const text = length > maxLine ? undefined : bytes.toString('utf8', start, newline);
      if (!isSkipping) yield { text, position: position + start, length };
      isSkipping = false;
      start = newline + 1;
    }
    position += start;
    rest = bytes.subarray(start);
    if (rest.length <= maxLine) continue;
    // At once: the rest of the file may be one line.
    if (!isSkipping) yield { text: undefined, position, length: rest.length };
    isSkipping = true;
    position += rest.length;
    rest = Buffer.alloc(0);
  }
}

// inflated: decompresses one part of a file with the zlib of Node, chunk by chunk.
import { Readable, type Transform } from 'node:stream';
import zlib from 'node:zlib';
import { messageOf } from '../../base/thrown.ts';
import { UnreadableError } from '../file-systems/opened-file-system.ts';

type Decompressor = Transform & { readonly bytesWritten: number };

/** Bytes that one file may decompress to: the largest initrds have some hundred MiB. A bomb must not keep the processor busy. */
const MAX_OUTPUT = 2 * 1024 * 1024 * 1024;

export interface Inflated {
  /** At most one chunk is in memory. @throws {UnreadableError} */
  readonly output: AsyncIterable<Buffer>;
  /** Length of the compressed data in bytes. Known when `output` has ended. */
  readonly inputLength: () => number;
}

/** A deflate stream without its wrapper. It may end before `input` does. */
export function inflateRaw(input: AsyncIterable<Buffer>): Inflated {
  return run(input, zlib.createInflateRaw(), 'gzip');
}

/** The decompressor for zstd, which Node has since 22.15. */
const { createZstdDecompress } = zlib as { readonly createZstdDecompress?: () => Decompressor };

export const HAS_ZSTD = createZstdDecompress !== undefined;

/** Exactly one frame. */
export function inflateZstd(input: AsyncIterable<Buffer>): Inflated {
  if (createZstdDecompress === undefined) throw new UnreadableError('this version of Node.js does not decompress zstd');
  return run(input, createZstdDecompress(), 'zstd');
}

function run(input: AsyncIterable<Buffer>, decompressor: Decompressor, format: string): Inflated {
  let inputLength = 0;
  async function* output(): AsyncGenerator<Buffer> {
    const source = Readable.from(input);
    let unreadable: Error | undefined;
    source.on('error', (error) => {
      unreadable = error;
      decompressor.destroy(error);
    });
    source.pipe(decompressor);
    let size = 0;
    try {
      for await (const chunk of decompressor as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_OUTPUT) throw new UnreadableError(`it decompresses to more than ${MAX_OUTPUT} bytes`);
        yield chunk;
      }
      inputLength = decompressor.bytesWritten;
    } catch (error) {
      if (error instanceof UnreadableError || unreadable !== undefined) throw error;
      throw new UnreadableError(`its ${format} data is damaged: ${messageOf(error)}`, { cause: error });
    } finally {
      // Data after the end of the stream may still be on its way to it.
      decompressor.on('error', () => undefined);
      source.destroy();
      decompressor.destroy();
    }
  }
  return { output: output(), inputLength: () => inputLength };
}

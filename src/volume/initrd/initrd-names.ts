// initrdNames: the names of the files in an initrd, which is a sequence of cpio archives, each plain or compressed, with zeros between them.
// Source: the documents "initramfs buffer format" and "early microcode" of the Linux kernel.
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import type { RangedFile } from '../registry/ranged-file.ts';
import { FileSource, StreamSource, skipZeros } from './byte-source.ts';
import { CPIO_MAGICS, cpioNames } from './cpio-archive.ts';
import { GZIP_TRAILER, skipGzipHeader } from './gzip-header.ts';
import { HAS_ZSTD, inflateRaw, inflateZstd } from './inflated.ts';
import { skipZstdFrame } from './zstd-frame.ts';

/** Far more than any distribution puts into one: each costs at least a moment. */
const MAX_NAMES = 500_000;

/** In hexadecimal digits, as the kernel detects them (lib/decompress.c). */
const UNREAD: readonly (readonly [magic: string, name: string])[] = [
  ['fd377a585a00', 'xz'],
  ['02214c18', 'lz4'],
  ['04224d18', 'lz4'],
  ['425a68', 'bzip2'],
  ['5d0000', 'lzma'],
  ['894c5a', 'lzo'],
];

/**
 * In the order of the file, without a leading `./` or slash. Memory is bounded, and what the reader does not ask for is not decompressed.
 * @throws {UnreadableError} an archive is damaged, or compressed in a way that cannot be read. The names before it were returned.
 */
export async function* initrdNames(file: RangedFile): AsyncGenerator<string> {
  const source = new FileSource(file);
  let count = 0;
  while (await skipZeros(source)) {
    for await (const name of namesOfPart(source)) {
      if (++count > MAX_NAMES) throw new UnreadableError(`it has more than ${MAX_NAMES} files`);
      yield name.replace(/^\.?\/+/, '');
    }
  }
}

/** The names of one archive, plain or compressed. Moves behind it. */
async function* namesOfPart(source: FileSource): AsyncGenerator<string> {
  const at = source.position;
  const magic = await source.peek(6);
  if (CPIO_MAGICS.includes(magic.toString('latin1'))) return yield* cpioNames(source);
  const digits = magic.toString('hex');
  if (digits.startsWith('1f8b')) return yield* gzipNames(source);
  if (digits.startsWith('28b52ffd')) return yield* zstdNames(source);
  const known = UNREAD.find(([start]) => digits.startsWith(start));
  throw new UnreadableError(
    known === undefined
      ? `its part at ${at} is not recognised`
      : `it is compressed with ${known[1]}, which vhdup does not read`,
  );
}

async function* gzipNames(source: FileSource): AsyncGenerator<string> {
  await skipGzipHeader(source);
  const { output, inputLength } = inflateRaw(source.chunks());
  yield* namesOfStream(output);
  await source.skip(inputLength() + GZIP_TRAILER);
}

async function* zstdNames(source: FileSource): AsyncGenerator<string> {
  if (!HAS_ZSTD) {
    throw new UnreadableError('it is compressed with zstd, which vhdup reads with Node.js 22.15 or later');
  }
  const behind = source.copy();
  await skipZstdFrame(behind);
  yield* namesOfStream(inflateZstd(source.chunks(behind.position)).output);
  await source.skip(behind.position - source.position);
}

/** Reads to the end, where the decompressor knows the length of its input. */
async function* namesOfStream(output: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const stream = new StreamSource(output);
  try {
    while (await skipZeros(stream)) yield* cpioNames(stream);
  } finally {
    await stream.close();
  }
}

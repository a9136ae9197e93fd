// Recognises foreign files by their contents, so that an error can say what was found and what to do.
import { endOf, MIB } from '../../base/byte-range.ts';
import type { ImageFile } from '../image-file.ts';
import { findPartitionTable } from '../partition-table.ts';
import { advise, type ForeignFormat } from './foreign-format.ts';
import { asOptical } from './optical.ts';
import { bySignature } from './signatures.ts';
import { asTar } from './tar.ts';
import { asText } from './text.ts';
import { byWeakSignature } from './weak-signatures.ts';

/** The format of `file`, or undefined if its contents are not recognised. A raw disk is not. */
export async function recognise(file: ImageFile): Promise<ForeignFormat | undefined> {
  if (file.size === 0) return EMPTY;
  for (const detect of [bySignature, asTar, asOptical, asText, asZeros]) {
    const format = await detect(file);
    if (format !== undefined) return format;
  }
  return (await findPartitionTable(file)) === undefined ? await byWeakSignature(file) : undefined;
}

const COPY_AGAIN =
  'The copy or download that created it did not finish, or it is a placeholder of a cloud drive (OneDrive, iCloud). Download the file itself and compare its checksum.';
const EMPTY = advise('an empty file (0 bytes)', COPY_AGAIN);
const ZEROS = advise('a file without data: all its bytes are zeros', COPY_AGAIN);

/** Bytes read at most to find data that is not zero, so that nobody has to wait long. */
const MAX_READ = 256 * MIB;

/** Holes are zeros and need not be read. Also undefined if more zeros would have to be read than `MAX_READ`. */
async function asZeros(file: ImageFile): Promise<ForeignFormat | undefined> {
  const bytes = Buffer.alloc(MIB);
  let read = 0;
  for await (const range of file.dataRanges({ offset: 0, length: file.size })) {
    for (let at = range.offset; at < endOf(range); at += MIB) {
      const piece = bytes.subarray(0, Math.min(MIB, endOf(range) - at));
      read += piece.length;
      if (read > MAX_READ) return undefined;
      await file.read(at, piece);
      if (!isZero(piece)) return undefined;
    }
  }
  return ZEROS;
}

const NOTHING = Buffer.alloc(MIB);

function isZero(piece: Buffer): boolean {
  return piece.equals(NOTHING.subarray(0, piece.length));
}

/** Undocumented formats by their usual names. The names only select advice; the contents decide what a file is. */
const BY_NAME: readonly (readonly [name: RegExp, format: ForeignFormat])[] = [
  [/\.(vbk|vib|vrb)$/i, advise('a backup of Veeam, by its name', 'Export the disk: in Veeam, Export Disk to VHD.')],
  [
    /\.(mrimgx?|mrbakx?)$/i,
    advise('a backup of Macrium Reflect, by its name', 'Restore it to a disk and create a VHD from that disk.'),
  ],
  [
    /\.(tibx?|tis)$/i,
    advise('a backup of Acronis, by its name', 'Restore it to a disk and create a VHD from that disk.'),
  ],
  [
    /\.gh[os]$/i,
    advise('a backup of Norton Ghost, by its name', 'Restore it to a disk and create a VHD from that disk.'),
  ],
  [
    /\.(spf|spi)$/i,
    advise('a backup of ShadowProtect, by its name', 'Restore it to a disk and create a VHD from that disk.'),
  ],
  [
    /\.vhds$/i,
    advise(
      'a VHD Set, by its name',
      'Use the .avhdx file that it refers to, or copy it first: Convert-VHD -Path SOURCE -DestinationPath disk.vhdx',
    ),
  ],
  [
    /\.(vmcx|vmrs|vsv|vmgs)$/i,
    advise('the configuration or state of a virtual machine, by its name', 'Use its .vhd or .vhdx file.'),
  ],
];

/** @param path - Path of a file whose contents were not recognised. */
export function recogniseByName(path: string): ForeignFormat | undefined {
  return BY_NAME.find(([name]) => name.test(path))?.[1];
}

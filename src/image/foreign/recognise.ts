// Recognises files that are not VHDs by their contents, so that an error can say what was found and what to do.
import type { ImageFile } from '../image-file.ts';
import { advise, type ForeignFormat } from './foreign-format.ts';
import { asOptical } from './optical.ts';
import { bySignature } from './signatures.ts';
import { asTar } from './tar.ts';
import { asText } from './text.ts';

/** What `file` is, or undefined when its contents say nothing. A raw disk says nothing. */
export async function recognise(file: ImageFile): Promise<ForeignFormat | undefined> {
  if (file.size === 0) return EMPTY;
  for (const detect of [bySignature, asTar, asOptical, asText, asZeros]) {
    const format = await detect(file);
    if (format !== undefined) return format;
  }
  return undefined;
}

const COPY_AGAIN =
  'The copy or download that made it was not finished, or it is a placeholder of a cloud drive (OneDrive, iCloud). Fetch the file itself, and compare its checksum.';
const EMPTY = advise('an empty file (0 bytes)', COPY_AGAIN);
const ZEROS = advise(
  'a file without data: there are only zeros at its beginning, in its middle and at its end',
  COPY_AGAIN,
);

const LOOKED_AT = 64 * 1024;

/** A disk has a boot sector, a partition table or a file system at its beginning, and a VHD a footer at its end. */
async function asZeros(file: ImageFile): Promise<ForeignFormat | undefined> {
  for (const offset of [0, file.size - LOOKED_AT, Math.floor(file.size / 2)]) {
    const start = Math.max(0, offset);
    const bytes = Buffer.alloc(Math.min(LOOKED_AT, file.size - start));
    await file.read(start, bytes);
    if (bytes.some((byte) => byte !== 0)) return undefined;
  }
  return ZEROS;
}

/** Formats whose contents are not documented, by their usual names. For advice alone: what a file is, its contents say. */
const BY_NAME: readonly (readonly [name: RegExp, format: ForeignFormat])[] = [
  [/\.(vbk|vib|vrb)$/i, advise('a backup of Veeam, by its name', 'Export the disk: in Veeam, Export Disk to VHD.')],
  [
    /\.(mrimgx?|mrbakx?)$/i,
    advise('a backup of Macrium Reflect, by its name', 'Restore it to a disk, and make a VHD of that disk.'),
  ],
  [/\.(tibx?|tis)$/i, advise('a backup of Acronis, by its name', 'Restore it to a disk, and make a VHD of that disk.')],
  [/\.gh[os]$/i, advise('a backup of Norton Ghost, by its name', 'Restore it to a disk, and make a VHD of that disk.')],
  [
    /\.(spf|spi)$/i,
    advise('a backup of ShadowProtect, by its name', 'Restore it to a disk, and make a VHD of that disk.'),
  ],
  [
    /\.vhds$/i,
    advise(
      'a VHD Set, by its name',
      'Name the .avhdx file that it stands for, or copy it first: Convert-VHD -Path SOURCE -DestinationPath disk.vhdx.',
    ),
  ],
  [
    /\.(vmcx|vmrs|vsv|vmgs)$/i,
    advise('the configuration or state of a virtual machine, by its name', 'Name its .vhd or .vhdx file.'),
  ],
];

/** @param path - Whose contents were not recognised. */
export function recogniseByName(path: string): ForeignFormat | undefined {
  return BY_NAME.find(([name]) => name.test(path))?.[1];
}

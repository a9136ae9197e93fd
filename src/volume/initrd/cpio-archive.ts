// Reads the names in cpio archives of the formats newc and crc, the only ones that Linux unpacks (initramfs buffer format, kernel documentation).
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import type { ByteSource } from './byte-source.ts';

export const CPIO_MAGICS: readonly string[] = ['070701', '070702'];

/** In bytes: the magic and 13 fields of 8 hexadecimal digits. */
const HEADER = 110;
const MAGIC = 6;
const FIELD = 8;
const FILE_SIZE = 6;
const NAME_SIZE = 11;

/** In bytes, as in Linux. */
const MAX_NAME = 4096;

const LAST = 'TRAILER!!!';

/**
 * The names in one archive, which begins at the current byte. Ends after its last entry, or at the end of the source.
 * @throws {UnreadableError} an entry is damaged or cut.
 */
export async function* cpioNames(source: ByteSource): AsyncGenerator<string> {
  for (;;) {
    const at = source.position;
    const header = await source.take(HEADER);
    if (header.length === 0) return;
    const magic = header.toString('latin1', 0, MAGIC);
    if (header.length < HEADER || !CPIO_MAGICS.includes(magic)) {
      throw new UnreadableError(`no entry of a cpio archive begins at ${at}`);
    }
    const nameSize = fieldOf(header, NAME_SIZE, at);
    const fileSize = fieldOf(header, FILE_SIZE, at);
    if (nameSize === 0 || nameSize > MAX_NAME) {
      throw new UnreadableError(`the entry of its cpio archive at ${at} has a name of ${nameSize} bytes`);
    }
    const name = await source.take(nameSize);
    if (name.length < nameSize) throw new UnreadableError(`its cpio archive was cut at ${source.position}`);
    const text = name.toString('utf8').replace(/\0.*$/s, '');
    if (text === LAST) return;
    yield text;
    const rest = padding(HEADER + nameSize) + fileSize;
    if ((await source.skip(rest)) < rest) throw new UnreadableError(`its cpio archive was cut at ${source.position}`);
    await source.skip(padding(fileSize));
  }
}

function fieldOf(header: Buffer, index: number, at: number): number {
  const text = header.toString('latin1', MAGIC + index * FIELD, MAGIC + (index + 1) * FIELD);
  if (!/^[0-9a-f]{8}$/i.test(text))
    throw new UnreadableError(`the entry of its cpio archive at ${at} has no valid size`);
  return Number.parseInt(text, 16);
}

/** Names and contents are padded to 4 bytes. */
function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}

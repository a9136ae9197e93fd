// Images of CDs and DVDs: ISO 9660 and UDF, plain or hybrid. Hybrid images begin like a disk, so that machines boot from them on a USB stick.
import type { ImageFile } from '../image-file.ts';
import { findPartitionTable } from '../partition-table.ts';
import { advise, type ForeignFormat, INSTALL } from './foreign-format.ts';

const DESCRIPTORS = 32 * 1024;
const DESCRIPTOR_LENGTH = 2048;
/** Descriptors examined at most: ISO 9660 has a handful, and UDF follows them. */
const MAX_DESCRIPTORS = 16;

const FORCE_RAW = 'If it is a disk that such a medium was once written to, set --format to upload it unchanged.';

/** ECMA-119, 8.1, and ECMA-167, part 2, 9.1. */
export async function asOptical(file: ImageFile): Promise<ForeignFormat | undefined> {
  const name = await mediumOf(file);
  if (name === undefined) return undefined;
  return (await findPartitionTable(file)) === undefined
    ? advise(`${name} of a CD or DVD`, INSTALL)
    : advise(
        `${name} of an installation medium, with a partition table for USB sticks (hybrid)`,
        `${INSTALL} ${FORCE_RAW}`,
      );
}

async function mediumOf(file: ImageFile): Promise<string | undefined> {
  let isIso = false;
  for (let index = 0; index < MAX_DESCRIPTORS; index++) {
    const offset = DESCRIPTORS + index * DESCRIPTOR_LENGTH;
    if (offset + DESCRIPTOR_LENGTH > file.size) break;
    const descriptor = Buffer.alloc(6);
    await file.read(offset, descriptor);
    const id = descriptor.toString('latin1', 1, 6);
    if (id === 'NSR02' || id === 'NSR03') return isIso ? 'an ISO 9660 and UDF image' : 'a UDF image';
    if (id === 'CD001') isIso = true;
    else if (!['BEA01', 'TEA01', 'BOOT2'].includes(id)) break;
  }
  return isIso ? 'an ISO 9660 image' : undefined;
}

// Detects whether a file begins like a partitioned disk, the only way to recognise a raw image (UEFI specification, 5.2 and 5.3).
import { decodeMbr, hasPartitionOn, MBR_LENGTH, type Mbr } from '../base/mbr.ts';
import type { ImageFile } from './image-file.ts';

const GPT_SIGNATURE = 'EFI PART';

export interface PartitionTable {
  /** Unit of the table's sector numbers, in bytes. An MBR does not state it: 512 unless a GPT says otherwise. */
  readonly sectorSize: 512 | 4096;
}

/** The partition table at the beginning of `file`, or undefined if there is no plausible one. */
export async function findPartitionTable(file: ImageFile): Promise<PartitionTable | undefined> {
  for (const sectorSize of [512, 4096] as const) {
    if (await hasGptHeader(file, sectorSize)) return { sectorSize };
  }
  const mbr = await readMbr(file);
  if (mbr === undefined || !(hasPartitionOn(mbr, file.size) || mbr.isProtective)) return undefined;
  return { sectorSize: mbr.isProtective ? await sectorSizeOfBackup(file) : 512 };
}

async function readMbr(file: ImageFile): Promise<Mbr | undefined> {
  if (file.size < MBR_LENGTH) return undefined;
  const sector = Buffer.alloc(MBR_LENGTH);
  await file.read(0, sector);
  return decodeMbr(sector, { size: file.size, sectorSize: 512 });
}

/** If the primary GPT is damaged, the position of the backup shows the sector size. */
async function sectorSizeOfBackup(file: ImageFile): Promise<512 | 4096> {
  const isAtEnd = async (sectorSize: number) => {
    return await hasGptHeader(file, file.size - (file.size % sectorSize) - sectorSize);
  };
  return !(await isAtEnd(512)) && (await isAtEnd(4096)) ? 4096 : 512;
}

/** The primary header is in sector 1, so its offset equals the sector size. */
async function hasGptHeader(file: ImageFile, offset: number): Promise<boolean> {
  if (offset < MBR_LENGTH || offset + MBR_LENGTH > file.size) return false;
  const signature = Buffer.alloc(GPT_SIGNATURE.length);
  await file.read(offset, signature);
  return signature.toString('latin1') === GPT_SIGNATURE;
}

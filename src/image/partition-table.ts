// Detects whether a file begins like a partitioned disk: the only sign by which a raw image can be recognised (UEFI specification, 5.2 and 5.3).
import { decodeMbr, hasPartitionOn, MBR_LENGTH, type Mbr } from '../base/mbr.ts';
import type { ImageFile } from './image-file.ts';

const GPT_SIGNATURE = 'EFI PART';

export interface PartitionTable {
  /** Of the sectors that the table counts. An MBR does not say: 512 unless a GPT says otherwise. */
  readonly sectorSize: 512 | 4096;
}

/** The partition table at the beginning of `file`, or undefined where there is none that makes sense. */
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

/** Where the GPT at the beginning is damaged, the one at the end knows. */
async function sectorSizeOfBackup(file: ImageFile): Promise<512 | 4096> {
  const isAtEnd = async (sectorSize: number) => {
    return await hasGptHeader(file, file.size - (file.size % sectorSize) - sectorSize);
  };
  return !(await isAtEnd(512)) && (await isAtEnd(4096)) ? 4096 : 512;
}

/** At the beginning, the header is in sector 1: its offset is the size of a sector. */
async function hasGptHeader(file: ImageFile, offset: number): Promise<boolean> {
  if (offset < MBR_LENGTH || offset + MBR_LENGTH > file.size) return false;
  const signature = Buffer.alloc(GPT_SIGNATURE.length);
  await file.read(offset, signature);
  return signature.toString('latin1') === GPT_SIGNATURE;
}

// Tells whether a file begins like a partitioned disk: the only sign by which a raw image can be recognised (UEFI specification, 5.2 and 5.3).
import type { ImageFile } from './image-file.ts';

const MBR_LENGTH = 512;
const MBR_SIGNATURE_OFFSET = 510;
const MBR_SIGNATURE = 0xaa55;
const FIRST_ENTRY = 446;
const ENTRY_LENGTH = 16;
const ENTRIES = 4;

const GPT_SIGNATURE = 'EFI PART';

export interface PartitionTable {
  /** Of the sectors that the table counts. An MBR does not say: 512 unless a GPT says otherwise. */
  readonly sectorSize: 512 | 4096;
}

/** The partition table at the beginning of `file`, or undefined where there is none that makes sense. */
export async function findPartitionTable(file: ImageFile): Promise<PartitionTable | undefined> {
  for (const sectorSize of [512, 4096] as const) {
    if (await hasGpt(file, sectorSize)) return { sectorSize };
  }
  return (await hasMbr(file)) ? { sectorSize: 512 } : undefined;
}

/** A GPT header, which is in sector 1. */
async function hasGpt(file: ImageFile, sectorSize: number): Promise<boolean> {
  if (file.size < 2 * sectorSize) return false;
  const signature = Buffer.alloc(GPT_SIGNATURE.length);
  await file.read(sectorSize, signature);
  return signature.toString('latin1') === GPT_SIGNATURE;
}

/** A boot sector of FAT or NTFS ends with the same signature, with code or text where an MBR has its entries. */
async function hasMbr(file: ImageFile): Promise<boolean> {
  if (file.size < MBR_LENGTH) return false;
  const mbr = Buffer.alloc(MBR_LENGTH);
  await file.read(0, mbr);
  if (mbr.readUInt16LE(MBR_SIGNATURE_OFFSET) !== MBR_SIGNATURE) return false;
  const entries = Array.from({ length: ENTRIES }, (_, index) =>
    mbr.subarray(FIRST_ENTRY + index * ENTRY_LENGTH, FIRST_ENTRY + (index + 1) * ENTRY_LENGTH),
  );
  return entries.every((entry) => isEmpty(entry) || isPartition(entry, file.size)) && !entries.every(isEmpty);
}

function isEmpty(entry: Buffer): boolean {
  return entry.every((byte) => byte === 0);
}

/** Active or not, of some type, and beginning on the disk. It may end after it, as the protective entry of a grown GPT disk does. */
function isPartition(entry: Buffer, diskSize: number): boolean {
  const status = entry.readUInt8(0);
  const first = entry.readUInt32LE(8);
  const count = entry.readUInt32LE(12);
  return (
    (status === 0 || status === 0x80) && entry.readUInt8(4) !== 0 && first > 0 && count > 0 && first * 512 < diskSize
  );
}

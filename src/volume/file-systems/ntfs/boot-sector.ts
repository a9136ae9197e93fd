// The boot sector of NTFS: sizes, and the place of the MFT (ntfs-3g layout.h, NTFS_BOOT_SECTOR; libfsntfs, "Volume header").
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import { safeNumber } from './numbers.ts';

/** Sizes in bytes; places in clusters. */
export interface Geometry {
  readonly clusterSize: number;
  /** Whole clusters of the volume. The backup boot sector follows the last one. */
  readonly clusters: number;
  readonly mftCluster: number;
  readonly recordLength: number;
}

const SECTOR = 512;
const MAX_CLUSTER = 2 * 1024 * 1024;
const MAX_RECORD = 64 * 1024;

/** @throws {UnreadableError} */
export async function readBootSector(volume: VolumeBytes): Promise<Geometry> {
  if (volume.size < SECTOR) throw new UnreadableError(`it has ${volume.size} bytes, too few for NTFS`);
  const sector = Buffer.alloc(SECTOR);
  await volume.read({ offset: 0, length: SECTOR }, sector);
  if (sector.toString('latin1', 3, 11) !== 'NTFS    ') throw new UnreadableError('its boot sector is not one of NTFS');
  const sectorSize = sector.readUInt16LE(11);
  const clusterSize = sectorSize * sectorsPerCluster(sector.readUInt8(13));
  if (![512, 1024, 2048, 4096].includes(sectorSize) || !isPowerOfTwo(clusterSize) || clusterSize > MAX_CLUSTER) {
    throw new UnreadableError(`its sectors have ${sectorSize} bytes, and its clusters ${clusterSize}`);
  }
  const stated = sector.readInt8(64);
  const recordLength = stated < 0 ? 2 ** -stated : stated * clusterSize;
  if (recordLength < SECTOR || recordLength > MAX_RECORD || !isPowerOfTwo(recordLength)) {
    throw new UnreadableError(`its file records have ${recordLength} bytes`);
  }
  const bytes = safeNumber(sector.readBigUInt64LE(40), 'its number of sectors') * sectorSize;
  if (bytes > volume.size)
    throw new UnreadableError(`it should have ${bytes} bytes, but only ${volume.size} are present`);
  const clusters = Math.floor(bytes / clusterSize);
  const mftCluster = safeNumber(sector.readBigUInt64LE(48), 'the place of its MFT');
  if (mftCluster === 0 || mftCluster * clusterSize + recordLength > clusters * clusterSize) {
    throw new UnreadableError(`its MFT should be at cluster ${mftCluster}, but it has ${clusters} clusters`);
  }
  return { clusterSize, clusters, mftCluster, recordLength };
}

/** Values above 128 are negative powers of two. */
function sectorsPerCluster(value: number): number {
  return value > 128 ? 2 ** (256 - value) : value;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}

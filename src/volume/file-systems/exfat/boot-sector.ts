// The boot sector of exFAT (Microsoft's exFAT specification, section 3.1).
import { UnreadableError } from '../opened-file-system.ts';

export interface ExfatGeometry {
  readonly sectorSize: number;
  readonly clusterSize: number;
  readonly tableOffset: number;
  /** Offset of cluster 2, the first one. */
  readonly heapOffset: number;
  readonly clusters: number;
  readonly rootCluster: number;
}

/** The checksum covers the first 11 sectors, and fills the next one. */
const CHECKED_SECTORS = 11;
export const BOOT_SECTORS = CHECKED_SECTORS + 1;
/** VolumeFlags and PercentInUse change without a new checksum. */
const NOT_CHECKED: readonly number[] = [106, 107, 112];

/** @throws {UnreadableError} a field contradicts the specification or the size of the volume. */
export function exfatGeometry(head: Buffer, volumeSize: number): ExfatGeometry {
  if (head.toString('latin1', 3, 11) !== 'EXFAT   ' || head.readUInt16LE(510) !== 0xaa55) {
    throw new UnreadableError('its boot sector is damaged');
  }
  if (head.readUInt8(105) !== 1) throw new UnreadableError(`it has version ${head.readUInt8(105)} of exFAT`);
  const [sectorShift, clusterShift] = [head.readUInt8(108), head.readUInt8(109)];
  if (sectorShift < 9 || sectorShift > 12 || sectorShift + clusterShift > 25) {
    throw new UnreadableError(`its boot sector is damaged: sectors of 2^${sectorShift} bytes`);
  }
  if (head.readUInt8(110) !== 1) throw new UnreadableError('it has two allocation tables (TexFAT)');
  const sectorSize = 2 ** sectorShift;
  const geometry = {
    sectorSize,
    clusterSize: sectorSize * 2 ** clusterShift,
    tableOffset: head.readUInt32LE(80) * sectorSize,
    heapOffset: head.readUInt32LE(88) * sectorSize,
    clusters: head.readUInt32LE(92),
    rootCluster: head.readUInt32LE(96),
  };
  const end = geometry.heapOffset + geometry.clusters * geometry.clusterSize;
  if (geometry.clusters === 0 || end > volumeSize) {
    throw new UnreadableError(`its clusters end at ${end}, but the volume has ${volumeSize} bytes`);
  }
  if (geometry.tableOffset + 4 * (geometry.clusters + 2) > geometry.heapOffset) {
    throw new UnreadableError('its boot sector is damaged: the allocation table is too short');
  }
  return geometry;
}

/** Whether the checksum of the boot sectors is right. @param sectors The first 12 sectors. */
export function isBootChecksumRight(sectors: Buffer, sectorSize: number): boolean {
  let sum = 0;
  for (const [at, byte] of sectors.subarray(0, CHECKED_SECTORS * sectorSize).entries()) {
    if (!NOT_CHECKED.includes(at)) sum = ((sum << 31) | (sum >>> 1)) + byte;
  }
  return sectors.readUInt32LE(CHECKED_SECTORS * sectorSize) === sum >>> 0;
}

/** The evidence that the file system was not closed, or has errors; empty if it is clean (3.1.13). */
export function exfatUncleanReasons(head: Buffer): string[] {
  const flags = head.readUInt16LE(106);
  const reasons: string[] = [];
  if ((flags & 0x2) !== 0) reasons.push('it was not unmounted');
  if ((flags & 0x4) !== 0) reasons.push('it has errors');
  return reasons;
}

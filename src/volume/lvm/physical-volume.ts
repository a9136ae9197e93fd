// The label and the header of an LVM2 physical volume: lvm2, lib/label/label.h and lib/format_text/layout.h. Numbers are little-endian.
import { crc32 } from 'node:zlib';
import type { ByteRange } from '../../base/byte-range.ts';
import { UnreadableError, type VolumeBytes } from '../file-systems/opened-file-system.ts';

const SECTOR = 512;
/** The label is in one of the first sectors. */
const LABEL_SECTORS = 4;
const LABEL_MAGIC = 'LABELONE';
const LABEL_TYPE = 'LVM2 001';
const ID_LENGTH = 32;
/** Start value of the checksums of LVM2 (INITIAL_CRC). They have no final complement. */
const INITIAL_CHECKSUM = 0xf597a6cf;

export interface PhysicalVolume {
  /** 32 characters without hyphens. */
  readonly id: string;
  /** Areas with the metadata of the volume group, inside the volume. A physical volume may have none. */
  readonly metadataAreas: readonly ByteRange[];
}

/** CRC-32 with the start value of LVM2 and without a final complement. */
export function lvmChecksum(...parts: readonly Uint8Array[]): number {
  let checksum = ~INITIAL_CHECKSUM >>> 0;
  for (const part of parts) checksum = crc32(part, checksum);
  return ~checksum >>> 0;
}

/** @throws {UnreadableError} and the errors of `volume.read`. */
export async function readPhysicalVolume(volume: VolumeBytes): Promise<PhysicalVolume> {
  const length = LABEL_SECTORS * SECTOR;
  if (volume.size < length) throw new UnreadableError('it is smaller than a physical volume');
  const bytes = Buffer.alloc(length);
  await volume.read({ offset: 0, length }, bytes);
  for (let sector = 0; sector < LABEL_SECTORS; sector++) {
    const label = bytes.subarray(sector * SECTOR, (sector + 1) * SECTOR);
    if (label.toString('latin1', 0, 8) !== LABEL_MAGIC || label.toString('latin1', 24, 32) !== LABEL_TYPE) continue;
    if (label.readBigUInt64LE(8) !== BigInt(sector)) continue;
    if (lvmChecksum(label.subarray(20)) !== label.readUInt32LE(16)) {
      throw new UnreadableError('the checksum of its label is wrong');
    }
    return parseHeader(label, volume.size);
  }
  throw new UnreadableError('it has no label of LVM2');
}

/** The header is in the sector of the label: the id, the size, and two lists of areas that an empty area ends. */
function parseHeader(label: Buffer, size: number): PhysicalVolume {
  const start = label.readUInt32LE(20);
  if (start < 32 || start > SECTOR - ID_LENGTH - 8) throw new UnreadableError(`its header is at ${start} of the label`);
  const data = areasFrom(label, start + ID_LENGTH + 8, size);
  const metadata = areasFrom(label, data.end, size);
  return { id: label.toString('latin1', start, start + ID_LENGTH), metadataAreas: metadata.areas };
}

function areasFrom(label: Buffer, start: number, size: number): { areas: ByteRange[]; end: number } {
  const areas: ByteRange[] = [];
  for (let at = start; at + 16 <= label.length; at += 16) {
    const [offset, length] = [label.readBigUInt64LE(at), label.readBigUInt64LE(at + 8)];
    if (offset === 0n) return { areas, end: at + 16 };
    if (offset + length > BigInt(size)) throw new UnreadableError('its header names an area outside of it');
    areas.push({ offset: Number(offset), length: Number(length) });
  }
  throw new UnreadableError('the list of areas in its header does not end');
}

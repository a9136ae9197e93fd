// Transaction logs before Windows 8.1: one write, with a bitmap of its sectors (msuhanov/regf, "Old format").
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import { BASE_BLOCK_LENGTH, type BaseBlock, SECTOR } from './base-block.ts';
import { exactly, type RangedFile } from './ranged-file.ts';
import type { ReplayedSectors } from './replayed-sectors.ts';

const SIGNATURE = 'DIRT';

/**
 * Applies the log in `file`, whose base block is `base`.
 * @throws {UnreadableError} the log is damaged. Then `replayed` may have a part of it and cannot be used.
 */
export async function applyOldLog(file: RangedFile, base: BaseBlock, replayed: ReplayedSectors): Promise<void> {
  // One bit for each sector of the hive.
  const vector = await exactly(file, SECTOR, SIGNATURE.length + base.binsSize / SECTOR / 8);
  if (vector.toString('latin1', 0, SIGNATURE.length) !== SIGNATURE) {
    throw new UnreadableError('its transaction log has no bitmap');
  }
  let offsetInLog = SECTOR + Math.ceil(vector.length / SECTOR) * SECTOR;
  for (let sector = 0; sector < base.binsSize / SECTOR; sector++) {
    const byte = vector.readUInt8(SIGNATURE.length + (sector >> 3));
    if ((byte & (1 << (sector & 7))) === 0) continue;
    if (offsetInLog + SECTOR > file.size) throw new UnreadableError('its transaction log was cut');
    replayed.add(sector * SECTOR, SECTOR, file, offsetInLog);
    offsetInLog += SECTOR;
  }
}

/** Whether the log belongs to the write that did not end. */
export async function belongsTo(base: BaseBlock, hive: BaseBlock | undefined, file: RangedFile): Promise<boolean> {
  if (hive !== undefined) return base.written === hive.written;
  // The base block of the hive is damaged: the first bin has the time of the last write that ended, or of this one.
  const bin = await exactly(file, BASE_BLOCK_LENGTH, 32);
  return bin.toString('latin1', 0, 4) === 'hbin' && base.written >= bin.readBigUInt64LE(20);
}

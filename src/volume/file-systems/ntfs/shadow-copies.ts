// Shadow copies of Windows. They read blocks from free clusters, until the volume writes to these
// (libvshadow, "Volume Shadow Snapshot (VSS) format": volume header).
import type { VolumeBytes } from '../opened-file-system.ts';

const HEADER_AT = 0x1e00;
const HEADER_LENGTH = 512;
/** 3808876b-c176-4e48-b7ae-04046e6cc752 */
const IDENTIFIER = '6b87083876c1484eb7ae04046e6cc752';

/** Whether the volume has a catalog of shadow copies. */
export async function hasShadowCopies(volume: VolumeBytes): Promise<boolean> {
  if (volume.size < HEADER_AT + HEADER_LENGTH) return false;
  const header = Buffer.alloc(HEADER_LENGTH);
  await volume.read({ offset: HEADER_AT, length: HEADER_LENGTH }, header);
  return header.toString('hex', 0, 16) === IDENTIFIER && header.readBigUInt64LE(48) !== 0n;
}

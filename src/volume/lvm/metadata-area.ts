// The metadata area of a physical volume: a header, and a ring buffer with the text that describes the volume group
// (lvm2, lib/format_text/layout.h, struct mda_header and raw_locn).
import type { ByteRange } from '../../base/byte-range.ts';
import { UnreadableError, type VolumeBytes } from '../file-systems/opened-file-system.ts';
import { lvmChecksum } from './physical-volume.ts';

const HEADER_LENGTH = 512;
const MAGIC = ' LVM2 x[5A%r0N*>';
/** The area is not in use: the text is elsewhere (RAW_LOCN_IGNORED). */
const IGNORED = 1;
/** In bytes. The texts of the largest volume groups, with thousands of volumes, need about 1 MiB. */
const MAX_TEXT = 4 * 1024 * 1024;

/** The committed text, or undefined if the area has none. @throws {UnreadableError} and the errors of `volume.read`. */
export async function readMetadataText(volume: VolumeBytes, area: ByteRange): Promise<string | undefined> {
  if (area.length <= HEADER_LENGTH) throw new UnreadableError(`its metadata area has only ${area.length} bytes`);
  const header = await read(volume, area.offset, HEADER_LENGTH);
  if (header.toString('latin1', 4, 20) !== MAGIC) throw new UnreadableError('its metadata area has no header');
  if (lvmChecksum(header.subarray(4)) !== header.readUInt32LE(0)) {
    throw new UnreadableError('the checksum of the header of its metadata area is wrong');
  }
  if (header.readBigUInt64LE(24) !== BigInt(area.offset) || header.readBigUInt64LE(32) !== BigInt(area.length)) {
    throw new UnreadableError('the header of its metadata area is that of another area');
  }
  const [offset, length] = [header.readBigUInt64LE(40), header.readBigUInt64LE(48)];
  if (offset === 0n || length === 0n || (header.readUInt32LE(60) & IGNORED) !== 0) return undefined;
  if (offset < BigInt(HEADER_LENGTH) || offset >= BigInt(area.length) || length > BigInt(area.length - HEADER_LENGTH)) {
    throw new UnreadableError('the text of its metadata is outside of its area');
  }
  if (length > BigInt(MAX_TEXT))
    throw new UnreadableError(`the text of its metadata has ${length} bytes, more than 4 MiB`);
  const text = await readRing(volume, area, Number(offset), Number(length));
  if (lvmChecksum(text) !== header.readUInt32LE(56)) throw new UnreadableError('the checksum of its metadata is wrong');
  return text.toString('utf8');
}

/** A text that reaches the end of the area continues after the header. */
async function readRing(volume: VolumeBytes, area: ByteRange, offset: number, length: number): Promise<Buffer> {
  const direct = Math.min(length, area.length - offset);
  const parts = [await read(volume, area.offset + offset, direct)];
  if (direct < length) parts.push(await read(volume, area.offset + HEADER_LENGTH, length - direct));
  return Buffer.concat(parts);
}

async function read(volume: VolumeBytes, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await volume.read({ offset, length }, bytes);
  return bytes;
}

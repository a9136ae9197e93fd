// $LogFile: whether every change that it records is in the volume (ntfs-3g logfile.h; libfsntfs, "$LogFile").
import { UnreadableError } from '../opened-file-system.ts';
import { DATA } from './attribute.ts';
import { restoreFixups } from './fixups.ts';
import type { Mft } from './mft.ts';
import { Stream } from './stream.ts';

const LOG_FILE_RECORD = 2;
const PAGE = 4096;
const NO_CLIENTS = 0xffff;
const IS_CLEAN = 0x0002;

/** A log that ntfs-3g or mkntfs emptied is all 0xFF. @throws {UnreadableError} */
export async function isLogClean(mft: Mft): Promise<boolean> {
  const stream = await Stream.open(mft, await mft.record(LOG_FILE_RECORD), DATA);
  if (stream === undefined || stream.size < 2 * PAGE) throw new UnreadableError('its $LogFile has no data');
  const pages = [await stream.read(0, PAGE), await stream.read(PAGE, PAGE)];
  if (pages.every((page) => page.every((byte) => byte === 0xff))) return true;
  const areas = pages.flatMap(restartArea).sort((one, other) => (one.lsn < other.lsn ? 1 : -1));
  const newest = areas[0];
  if (newest === undefined) throw new UnreadableError('its $LogFile has no usable restart page');
  return newest.isClean;
}

function restartArea(page: Buffer): { lsn: bigint; isClean: boolean }[] {
  if (!restoreFixups(page, 'RSTR')) return [];
  const at = page.readUInt16LE(24);
  if (at + 16 > page.length) return [];
  const isClean = page.readUInt16LE(at + 12) === NO_CLIENTS || (page.readUInt16LE(at + 14) & IS_CLEAN) !== 0;
  return [{ lsn: page.readBigUInt64LE(at), isClean }];
}

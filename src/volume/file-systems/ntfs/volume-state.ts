// The label of a volume, and whether it was closed cleanly: $Volume, $LogFile and hiberfil.sys (ntfs-3g layout.h, VOLUME_INFORMATION).
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import { VOLUME_INFORMATION, VOLUME_NAME } from './attribute.ts';
import { readBootSector } from './boot-sector.ts';
import { isHibernated } from './hibernation.ts';
import { isLogClean } from './log-file.ts';
import { Mft } from './mft.ts';

const VOLUME_RECORD = 3;
const IS_DIRTY = 0x0001;
const CHKDSK_UNDERWAY = 0x4000;

/** Undefined if the volume has none. @throws {UnreadableError} */
export async function readNtfsLabel(volume: VolumeBytes): Promise<string | undefined> {
  const label = await volumeAttribute(await Mft.open(volume, await readBootSector(volume)), VOLUME_NAME);
  return label?.toString('utf16le').replace(/\0.*$/s, '').trimEnd() || undefined;
}

/**
 * Why the volume was not closed cleanly: clauses that go with "partition 1: ". Empty if it was. Reads a few KiB.
 * @throws {UnreadableError} the structures that show it are damaged.
 */
export async function readNtfsProblems(volume: VolumeBytes): Promise<readonly string[]> {
  return problemsOf(await Mft.open(volume, await readBootSector(volume)));
}

/** @throws {UnreadableError} */
export async function problemsOf(mft: Mft): Promise<readonly string[]> {
  const information = await volumeAttribute(mft, VOLUME_INFORMATION);
  if (information === undefined || information.length < 12) throw new UnreadableError('its $Volume has no flags');
  const flags = information.readUInt16LE(10);
  const problems: string[] = [];
  if ((flags & IS_DIRTY) !== 0) problems.push('its dirty flag is set');
  if ((flags & CHKDSK_UNDERWAY) !== 0) problems.push('chkdsk was interrupted');
  if (!(await isLogClean(mft))) problems.push('its $LogFile is in use (running, hibernated or cut off)');
  try {
    if (await isHibernated(mft)) problems.push('Windows is hibernated in it (hiberfil.sys)');
  } catch (error) {
    // What was found before is reason enough.
    if (problems.length === 0 || !(error instanceof UnreadableError)) throw error;
  }
  return problems;
}

async function volumeAttribute(mft: Mft, wanted: number): Promise<Buffer | undefined> {
  const { attributes } = await mft.record(VOLUME_RECORD);
  return attributes.find(({ type }) => type === wanted)?.value;
}

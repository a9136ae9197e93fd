// Reads the label of an NTFS volume, and whether it was closed cleanly, from its metadata (ntfs-3g layout.h, libfsntfs).
import type { ByteRange } from '../base/byte-range.ts';
import { bytesAt, type Disk, textAt } from './disk.ts';

export interface NtfsVolume {
  readonly label?: string;
  /** Why the volume was not closed cleanly: sentences without a full stop. Empty if it was. */
  readonly unclean: readonly string[];
}

const STRIDE = 512;
const MAX_RECORD = 64 * 1024;
const LOG_FILE_RECORD = 2;
const VOLUME_RECORD = 3;

const VOLUME_NAME = 0x60;
const VOLUME_INFORMATION = 0x70;
const DATA = 0x80;
const END = 0xffffffff;
const MAX_ATTRIBUTES = 64;

const IS_DIRTY = 0x0001;
const CHKDSK_UNDERWAY = 0x4000;

const LOG_PAGE = 4096;
const NO_CLIENTS = 0xffff;
const LOG_IS_CLEAN = 0x0002;

/** The place of the MFT, in bytes of the disk. */
interface Geometry {
  readonly start: number;
  readonly end: number;
  readonly clusterSize: number;
  readonly mftOffset: number;
  readonly recordLength: number;
}

/** A part of the volume cannot be used. `message` follows "cannot be read: ". */
export class NtfsDamageError extends Error {}

/**
 * Reads a few KiB: the records of $LogFile and $Volume at the beginning of the MFT, and two pages of the log.
 * @throws {NtfsDamageError} these structures are damaged.
 * @throws {CorruptImageError} @throws {ImageAccessError} the image cannot be read there.
 */
export async function readNtfsVolume(disk: Disk, range: ByteRange): Promise<NtfsVolume> {
  const geometry = await readGeometry(disk, range);
  const volume = await readRecord(disk, geometry, VOLUME_RECORD);
  const information = resident(volume, VOLUME_INFORMATION);
  if (information === undefined || information.length < 12) throw new NtfsDamageError('$Volume has no flags');
  const flags = information.readUInt16LE(10);
  const unclean: string[] = [];
  if ((flags & IS_DIRTY) !== 0) unclean.push('its dirty flag is set');
  if ((flags & CHKDSK_UNDERWAY) !== 0) unclean.push('chkdsk was interrupted');
  if (!(await isLogClean(disk, geometry))) unclean.push('its $LogFile is in use (running, hibernated or cut off)');
  const name = resident(volume, VOLUME_NAME);
  const label = name === undefined ? undefined : textAt(name, 0, name.length, 'utf16le');
  return { unclean, ...(label === undefined ? {} : { label }) };
}

async function readGeometry(disk: Disk, { offset, length }: ByteRange): Promise<Geometry> {
  const sector = await bytesAt(disk, offset, STRIDE);
  const sectorSize = sector.readUInt16LE(11);
  const clusterSize = sectorSize * sectorsPerCluster(sector.readUInt8(13));
  const stated = sector.readInt8(64);
  const recordLength = stated < 0 ? 2 ** -stated : stated * clusterSize;
  const mftOffset = offset + Number(sector.readBigUInt64LE(48)) * clusterSize;
  if (![512, 1024, 2048, 4096].includes(sectorSize) || clusterSize === 0 || clusterSize > 2 * 1024 * 1024) {
    throw new NtfsDamageError(`its sectors have ${sectorSize} bytes, and its clusters ${clusterSize}`);
  }
  if (recordLength < STRIDE || recordLength > MAX_RECORD || recordLength % STRIDE !== 0) {
    throw new NtfsDamageError(`its file records have ${recordLength} bytes`);
  }
  const end = offset + length;
  if (mftOffset + (VOLUME_RECORD + 1) * recordLength > end) {
    throw new NtfsDamageError(`its MFT should be at ${mftOffset}, but the volume ends at ${end}`);
  }
  return { start: offset, end, clusterSize, mftOffset, recordLength };
}

/** Values above 128 are negative powers of two. */
function sectorsPerCluster(value: number): number {
  return value > 128 ? 2 ** (256 - value) : value;
}

async function readRecord(disk: Disk, { mftOffset, recordLength }: Geometry, index: number): Promise<Buffer> {
  const record = await bytesAt(disk, mftOffset + index * recordLength, recordLength);
  if (record.toString('latin1', 0, 4) !== 'FILE' || !applyFixups(record)) {
    throw new NtfsDamageError(`file record ${index} of its MFT is damaged`);
  }
  return record;
}

/** Restores the last two bytes of each stride, which a writer replaces by a number. False if a stride has another number: a torn write. */
function applyFixups(record: Buffer): boolean {
  const [at, count] = [record.readUInt16LE(4), record.readUInt16LE(6)];
  if (count < 2 || (count - 1) * STRIDE > record.length || at + 2 * count > record.length) return false;
  const number = record.readUInt16LE(at);
  for (let index = 1; index < count; index++) {
    const end = index * STRIDE - 2;
    if (record.readUInt16LE(end) !== number) return false;
    record.writeUInt16LE(record.readUInt16LE(at + 2 * index), end);
  }
  return true;
}

/** The first unnamed attribute of a type. */
function attribute(record: Buffer, type: number): Buffer | undefined {
  let at = record.readUInt16LE(20);
  for (let count = 0; count < MAX_ATTRIBUTES && at + 24 <= record.length; count++) {
    const [found, length] = [record.readUInt32LE(at), record.readUInt32LE(at + 4)];
    if (found === END || length < 24 || at + length > record.length) return undefined;
    const body = record.subarray(at, at + length);
    if (found === type && body.readUInt8(9) === 0) return body;
    at += length;
  }
  return undefined;
}

function resident(record: Buffer, type: number): Buffer | undefined {
  const body = attribute(record, type);
  if (body === undefined || body.readUInt8(8) !== 0) return undefined;
  const [length, offset] = [body.readUInt32LE(16), body.readUInt16LE(20)];
  return offset + length > body.length ? undefined : body.subarray(offset, offset + length);
}

/** Whether the log was closed cleanly. A log that ntfs-3g or mkntfs emptied is all 0xFF. */
async function isLogClean(disk: Disk, geometry: Geometry): Promise<boolean> {
  const offset = await logOffset(disk, geometry);
  const pages = [await bytesAt(disk, offset, LOG_PAGE), await bytesAt(disk, offset + LOG_PAGE, LOG_PAGE)];
  if (pages.every((page) => page.every((byte) => byte === 0xff))) return true;
  const areas = pages.flatMap(restartArea).sort((one, other) => (one.lsn < other.lsn ? 1 : -1));
  const newest = areas[0];
  if (newest === undefined) throw new NtfsDamageError('its $LogFile has no usable restart page');
  return newest.isClean;
}

function restartArea(page: Buffer): { lsn: bigint; isClean: boolean }[] {
  if (page.toString('latin1', 0, 4) !== 'RSTR' || !applyFixups(page)) return [];
  const at = page.readUInt16LE(24);
  if (at + 16 > page.length) return [];
  const isClean = page.readUInt16LE(at + 12) === NO_CLIENTS || (page.readUInt16LE(at + 14) & LOG_IS_CLEAN) !== 0;
  return [{ lsn: page.readBigUInt64LE(at), isClean }];
}

/** Offset of the first data run of $LogFile, which contains its restart pages. */
async function logOffset(disk: Disk, geometry: Geometry): Promise<number> {
  const body = attribute(await readRecord(disk, geometry, LOG_FILE_RECORD), DATA);
  if (body === undefined || body.readUInt8(8) !== 1 || body.length < 64) {
    throw new NtfsDamageError('$LogFile has no data');
  }
  const at = body.readUInt16LE(32);
  const header = at < body.length ? body.readUInt8(at) : 0;
  const [lengthBytes, placeBytes] = [header & 0xf, header >> 4];
  if (lengthBytes === 0 || lengthBytes > 6 || placeBytes === 0 || placeBytes > 6) {
    throw new NtfsDamageError('the place of $LogFile cannot be used');
  }
  if (at + 1 + lengthBytes + placeBytes > body.length) throw new NtfsDamageError('the place of $LogFile is cut off');
  const cluster = body.readIntLE(at + 1 + lengthBytes, placeBytes);
  const offset = geometry.start + cluster * geometry.clusterSize;
  if (cluster <= 0 || offset + 2 * LOG_PAGE > geometry.end) {
    throw new NtfsDamageError(`its $LogFile should be at ${offset}, but the volume ends at ${geometry.end}`);
  }
  return offset;
}

// The clusters of all files: every run of every record of the MFT.
import { UnreadableError } from '../opened-file-system.ts';
import { BITMAP } from './attribute.ts';
import { type FileRecord, parseFileRecord } from './file-record.ts';
import type { Mft } from './mft.ts';
import { decodeRuns, type Run } from './run-list.ts';
import { Stream } from './stream.ts';

const MFT_RECORD = 0;
/** Bytes of the MFT that are read at once; at least one record. */
const TABLE_CHUNK = 256 * 1024;
/** An MFT with more records is not walked: 64 GiB of 1 KiB each. */
const MAX_RECORDS = 2 ** 26;

/** The runs of one attribute. */
export interface StoredRuns {
  /** The record with the run list. */
  readonly number: number;
  /** The record of the file: `number`, unless that only extends it. */
  readonly file: number;
  readonly runs: readonly Run[];
}

/** In the order of the records. @throws {UnreadableError} a record in use is damaged. */
export async function* storedRuns(mft: Mft): AsyncGenerator<StoredRuns> {
  const { recordLength } = mft.geometry;
  if (mft.recordCount > MAX_RECORDS)
    throw new UnreadableError(`its MFT has ${mft.recordCount} records, too many to compare`);
  const inUse = await Stream.open(mft, await mft.record(MFT_RECORD), BITMAP);
  if (inUse === undefined) throw new UnreadableError('its MFT has no bitmap');
  const atOnce = Math.max(1, Math.floor(TABLE_CHUNK / recordLength));
  for (let first = 0; first < mft.recordCount; first += atOnce) {
    const count = Math.min(atOnce, mft.recordCount - first);
    const table = await mft.read(first * recordLength, count * recordLength);
    const bits = await inUse.read(Math.floor(first / 8), Math.ceil(count / 8) + 1);
    for (let index = 0; index < count; index++) {
      const bit = (first % 8) + index;
      const isUsed = ((bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
      const bytes = table.subarray(index * recordLength, (index + 1) * recordLength);
      yield* runsIn(mft, bytes, first + index, isUsed);
    }
  }
}

function* runsIn(mft: Mft, bytes: Buffer, number: number, isUsed: boolean): Generator<StoredRuns> {
  // A record that was never used may hold anything.
  if (!isUsed && bytes.toString('latin1', 0, 4) !== 'FILE') return;
  const isFile = (bytes.readUInt16LE(22) & 1) !== 0;
  if (!isUsed && !isFile) return;
  const record: FileRecord = parseFileRecord(bytes, number);
  const file = record.base.number === 0 ? number : record.base.number;
  for (const attribute of record.attributes) {
    if (attribute.value !== undefined) continue;
    yield { number, file, runs: decodeRuns(attribute, mft.geometry, `file record ${number}`) };
  }
}

// $UpCase: the table by which a volume compares names (ntfs-3g layout.h, FILE_UpCase; libfsntfs, "Case folding mappings").
import { UnreadableError } from '../opened-file-system.ts';
import { DATA } from './attribute.ts';
import type { Mft } from './mft.ts';
import { Stream } from './stream.ts';

const UPPER_CASE_RECORD = 10;
const LENGTH = 2 * 65536;

/** Compares names code unit by code unit in upper case: negative if the first sorts before the second. */
export type CompareNames = (one: string, other: string) => number;

/** @throws {UnreadableError} */
export async function readUpperCase(mft: Mft): Promise<CompareNames> {
  const stream = await Stream.open(mft, await mft.record(UPPER_CASE_RECORD), DATA);
  if (stream?.size !== LENGTH)
    throw new UnreadableError(`its $UpCase has ${stream?.size ?? 0} bytes instead of ${LENGTH}`);
  const table = await stream.read(0, LENGTH);
  const upper = (name: string, index: number) => table.readUInt16LE(2 * name.charCodeAt(index));
  return (one, other) => {
    const length = Math.min(one.length, other.length);
    for (let index = 0; index < length; index++) {
      const difference = upper(one, index) - upper(other, index);
      if (difference !== 0) return difference;
    }
    return one.length - other.length;
  };
}

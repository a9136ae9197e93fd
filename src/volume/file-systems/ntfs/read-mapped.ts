// Reads a value that lies in clusters.
import type { ByteRange } from '../../../base/byte-range.ts';
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';
import type { Geometry } from './boot-sector.ts';
import { type Run, runAt } from './run-list.ts';

export interface MappedVolume {
  readonly volume: VolumeBytes;
  readonly geometry: Geometry;
}

/**
 * @param runsAt The runs around a cluster of the value.
 * @param what Names the value in the message: "$MFT".
 * @throws {UnreadableError} a part of the range has no run.
 */
export async function readMapped(
  { volume, geometry: { clusterSize } }: MappedVolume,
  runsAt: (vcn: number) => Promise<readonly Run[]>,
  { offset, length }: ByteRange,
  what: string,
): Promise<Buffer> {
  const into = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const vcn = Math.floor((offset + done) / clusterSize);
    const run = runAt(await runsAt(vcn), vcn);
    if (run === undefined) throw new UnreadableError(`cluster ${vcn} of ${what} has no place on the volume`);
    const within = offset + done - run.vcn * clusterSize;
    const count = Math.min(length - done, run.length * clusterSize - within);
    if (run.lcn !== undefined) {
      await volume.read({ offset: run.lcn * clusterSize + within, length: count }, into.subarray(done, done + count));
    }
    done += count;
  }
  return into;
}

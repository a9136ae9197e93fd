// Run lists: which clusters hold the value of an attribute (ntfs-3g layout.h, "mapping pairs"; libfsntfs, "Data runs").
import { UnreadableError } from '../opened-file-system.ts';
import type { MappedAttribute } from './attribute.ts';
import type { Geometry } from './boot-sector.ts';

/** Consecutive clusters. */
export interface Run {
  /** The first cluster in the value. */
  readonly vcn: number;
  readonly length: number;
  /** The first cluster on the volume; undefined for a hole. */
  readonly lcn: number | undefined;
}

/** @throws {UnreadableError} a run lies outside the volume, or the list does not end where the attribute says. */
export function decodeRuns({ runs, lowestVcn, highestVcn }: MappedAttribute, geometry: Geometry, what: string): Run[] {
  const decoded: Run[] = [];
  let vcn = lowestVcn;
  let lcn = 0;
  let at = 0;
  for (let header = runs[at]; header !== undefined && header !== 0; header = runs[at]) {
    const [lengthBytes, placeBytes] = [header & 0xf, header >> 4];
    const end = at + 1 + lengthBytes + placeBytes;
    if (lengthBytes === 0 || lengthBytes > 8 || placeBytes > 8 || end > runs.length) {
      throw new UnreadableError(`the run list of ${what} is damaged`);
    }
    const length = signedAt(runs, at + 1, lengthBytes);
    const isHole = placeBytes === 0;
    if (!isHole) lcn += signedAt(runs, at + 1 + lengthBytes, placeBytes);
    if (length <= 0 || vcn + length > highestVcn + 1 || (!isHole && (lcn < 0 || lcn + length > geometry.clusters))) {
      throw new UnreadableError(
        `a run of ${what} (${length} clusters at cluster ${lcn}) is outside of the volume or the file`,
      );
    }
    decoded.push({ vcn, length, lcn: isHole ? undefined : lcn });
    vcn += length;
    at = end;
  }
  if (vcn !== highestVcn + 1)
    throw new UnreadableError(`the run list of ${what} ends at cluster ${vcn} of ${highestVcn + 1}`);
  return decoded;
}

/** The run that contains the cluster. Runs are ascending and without gaps. */
export function runAt(runs: readonly Run[], vcn: number): Run | undefined {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const run = runs[middle];
    if (run !== undefined && run.vcn + run.length <= vcn) low = middle + 1;
    else high = middle;
  }
  const run = runs[low];
  return run !== undefined && run.vcn <= vcn ? run : undefined;
}

/** A signed number of 1 to 8 bytes. One that is not exact is far outside of any volume. */
function signedAt(bytes: Buffer, at: number, length: number): number {
  if (length <= 6) return bytes.readIntLE(at, length);
  let value = 0n;
  for (let index = length - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[at + index] ?? 0);
  return Number(BigInt.asIntN(8 * length, value));
}

// The clusters that a FAT file system uses: those whose entry in the table is not 0, bad ones too.
import type { ByteRange } from '../../../base/byte-range.ts';
import type { ClusterReader } from '../cluster-chain.ts';
import type { FatGeometry } from '../fat.ts';
import { joinedRanges } from '../joined-ranges.ts';
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';

const PIECE = 64 * 1024;

/** @throws {UnreadableError} before the first range, if the copies of the table differ. */
export async function* fatUsedRanges(
  volume: VolumeBytes,
  fat: FatGeometry,
  clusters: ClusterReader,
): AsyncGenerator<ByteRange> {
  await requireSameTables(volume, fat);
  yield* joinedRanges(rangesOf(volume, fat, clusters));
}

async function* rangesOf(
  volume: VolumeBytes,
  { dataOffset, clusterSize, clusters }: FatGeometry,
  reader: ClusterReader,
): AsyncGenerator<ByteRange> {
  yield { offset: 0, length: dataOffset };
  for (let index = 0; index < clusters; index++) {
    if ((await reader.entry(index + 2)) !== 0) {
      yield { offset: dataOffset + index * clusterSize, length: clusterSize };
    }
  }
  const end = dataOffset + clusters * clusterSize;
  yield { offset: end, length: volume.size - end };
}

async function requireSameTables(
  volume: VolumeBytes,
  { tables, tableOffset, tableLength }: FatGeometry,
): Promise<void> {
  for (let table = 1; table < tables; table++) {
    for (let at = 0; at < tableLength; at += PIECE) {
      const length = Math.min(PIECE, tableLength - at);
      const [first, copy] = [Buffer.alloc(length), Buffer.alloc(length)];
      await volume.read({ offset: tableOffset + at, length }, first);
      await volume.read({ offset: tableOffset + table * tableLength + at, length }, copy);
      if (!first.equals(copy)) throw new UnreadableError('the copies of its allocation table differ');
    }
  }
}

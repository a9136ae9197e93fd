// The clusters that a FAT file system uses: those whose entry in the table is not 0, bad ones too.
import type { ByteRange } from '../../../base/byte-range.ts';
import type { FatGeometry } from '../fat.ts';
import { joinedRanges } from '../joined-ranges.ts';
import { UnreadableError, type VolumeBytes } from '../opened-file-system.ts';

/** Whole entries of 12, 16 and 32 bits. */
const PIECE = 48 * 1024;

/** @throws {UnreadableError} before the first range, if the copies of the table differ. */
export async function* fatUsedRanges(volume: VolumeBytes, fat: FatGeometry): AsyncGenerator<ByteRange> {
  await requireSameTables(volume, fat);
  yield* joinedRanges(rangesOf(volume, fat));
}

async function* rangesOf(volume: VolumeBytes, fat: FatGeometry): AsyncGenerator<ByteRange> {
  const { bits, dataOffset, clusterSize, clusters, tableOffset } = fat;
  yield { offset: 0, length: dataOffset };
  const entriesInPiece = (PIECE * 8) / bits;
  // Entries 0 and 1 belong to no cluster.
  for (let first = 0; first < clusters + 2; first += entriesInPiece) {
    const count = Math.min(entriesInPiece, clusters + 2 - first);
    const piece = Buffer.alloc(Math.ceil((count * bits) / 8));
    await volume.read({ offset: tableOffset + (first * bits) / 8, length: piece.length }, piece);
    for (const { start, end } of runsIn(piece, bits, first === 0 ? 2 : 0, count)) {
      yield { offset: dataOffset + (first + start - 2) * clusterSize, length: (end - start) * clusterSize };
    }
  }
  const end = dataOffset + clusters * clusterSize;
  yield { offset: end, length: volume.size - end };
}

/** The runs of entries that are not 0, from `from` to `count`. */
function* runsIn(
  piece: Buffer,
  bits: FatGeometry['bits'],
  from: number,
  count: number,
): Generator<{ start: number; end: number }> {
  for (let start = from; start < count; start++) {
    if (isFree(piece, bits, start)) continue;
    let end = start + 1;
    while (end < count && !isFree(piece, bits, end)) end++;
    yield { start, end };
    start = end;
  }
}

function isFree(piece: Buffer, bits: FatGeometry['bits'], index: number): boolean {
  if (bits === 32) return (piece.readUInt32LE(4 * index) & 0x0fffffff) === 0;
  if (bits === 16) return piece.readUInt16LE(2 * index) === 0;
  const at = Math.floor((index * 3) / 2);
  const [low, high] = [piece.readUInt8(at), piece.readUInt8(at + 1)];
  return index % 2 === 0 ? low === 0 && (high & 0x0f) === 0 : (low & 0xf0) === 0 && high === 0;
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

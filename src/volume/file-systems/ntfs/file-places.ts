// Where files lie whose clusters are certainly their own.
import type { ByteRange } from '../../../base/byte-range.ts';
import type { FilePlaces } from '../opened-file-system.ts';
import { DATA, REPARSE_POINT, STANDARD_INFORMATION } from './attribute.ts';
import type { FileRecord } from './file-record.ts';
import type { Mft } from './mft.ts';
import { decodeRuns } from './run-list.ts';
import { storedRuns } from './stored-runs.ts';
import { partsOf } from './stream.ts';

/** A file in more pieces is not described. Page files have a few. */
const MAX_PIECES = 10_000;
/** Where the attributes are in $STANDARD_INFORMATION, and two of them (ntfs-3g layout.h). */
const ATTRIBUTES_AT = 32;
const HIDDEN_AND_SYSTEM = 0x2 | 0x4;

/** Consecutive clusters of a file. */
interface Clusters {
  readonly lcn: number;
  readonly length: number;
  /** The record of the file. */
  readonly file: number;
}

/**
 * The files whose main stream is in clusters without holes, none of which another file has. Reads the whole MFT once.
 * @throws {UnreadableError}
 */
export async function placesOfFiles<Name>(
  mft: Mft,
  records: ReadonlyMap<Name, FileRecord>,
): Promise<Map<Name, FilePlaces>> {
  const found = new Map<Name, { readonly places: FilePlaces; readonly clusters: readonly Clusters[] }>();
  for (const [name, record] of records) {
    const file = await clustersOf(mft, record);
    if (file === undefined) continue;
    const { clusterSize } = mft.geometry;
    const pieces = file.clusters.map(
      ({ lcn, length }): ByteRange => ({ offset: lcn * clusterSize, length: length * clusterSize }),
    );
    found.set(name, {
      places: { size: file.size, pieces, isSystem: isSystemFile(record) },
      clusters: file.clusters,
    });
  }
  const places = new Map<Name, FilePlaces>();
  if (found.size === 0) return places;
  const shared = await filesThatShare(
    mft,
    [...found.values()].flatMap(({ clusters }) => clusters),
  );
  for (const [name, file] of found) {
    if (!shared.has(records.get(name)?.number ?? 0)) places.set(name, file.places);
  }
  return places;
}

function isSystemFile({ attributes }: FileRecord): boolean {
  const information = attributes.find(({ type }) => type === STANDARD_INFORMATION)?.value;
  if (information === undefined || information.length < ATTRIBUTES_AT + 4) return false;
  return (information.readUInt32LE(ATTRIBUTES_AT) & HIDDEN_AND_SYSTEM) === HIDDEN_AND_SYSTEM;
}

async function clustersOf(
  mft: Mft,
  record: FileRecord,
): Promise<{ readonly size: number; readonly clusters: readonly Clusters[] } | undefined> {
  if (record.isFolder || record.attributes.some(({ type }) => type === REPARSE_POINT)) return undefined;
  const parts = (await partsOf(mft, record, DATA)).filter(({ name }) => name === '');
  parts.sort((one, other) => one.lowestVcn - other.lowestVcn);
  const clusters: Clusters[] = [];
  let size = 0;
  let next = 0;
  for (const part of parts) {
    const attribute = await part.load();
    if (attribute.value !== undefined || attribute.isCompressed || attribute.isEncrypted) return undefined;
    if (attribute.lowestVcn !== next) return undefined;
    if (next === 0) size = attribute.size;
    next = attribute.highestVcn + 1;
    for (const { lcn, length } of decodeRuns(attribute, mft.geometry, `file record ${record.number}`)) {
      if (lcn === undefined || clusters.length === MAX_PIECES) return undefined;
      clusters.push({ lcn, length, file: record.number });
    }
  }
  return next * mft.geometry.clusterSize < size ? undefined : { size, clusters };
}

/** The files that have a cluster of `clusters` twice, or together with another file. */
async function filesThatShare(mft: Mft, clusters: readonly Clusters[]): Promise<ReadonlySet<number>> {
  const shared = new Set<number>();
  const sorted = [...clusters].sort((one, other) => one.lcn - other.lcn);
  let before: Clusters | undefined;
  for (const one of sorted) {
    if (before !== undefined && one.lcn < before.lcn + before.length) shared.add(one.file).add(before.file);
    if (before === undefined || one.lcn + one.length > before.lcn + before.length) before = one;
  }
  const own = new Map<number, number>();
  for await (const { file, runs } of storedRuns(mft)) {
    for (const { lcn, length } of runs) {
      if (lcn === undefined) continue;
      for (let index = firstEndingAfter(sorted, lcn); index < sorted.length; index++) {
        const one = sorted[index];
        if (one === undefined || one.lcn >= lcn + length) break;
        if (one.file !== file) shared.add(one.file);
        own.set(one.file, (own.get(one.file) ?? 0) + (one.file === file ? length : 0));
      }
    }
  }
  // Each of its runs was met once.
  const totals = new Map<number, number>();
  for (const { file, length } of clusters) totals.set(file, (totals.get(file) ?? 0) + length);
  for (const [file, total] of totals) if (own.get(file) !== total) shared.add(file);
  return shared;
}

/** Index of the first of the ascending clusters that ends after `lcn`. */
function firstEndingAfter(sorted: readonly Clusters[], lcn: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const one = sorted[middle];
    if (one !== undefined && one.lcn + one.length <= lcn) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The index of a key's subkeys: a leaf (li, lf, lh) or a list of leaves (ri) (msuhanov/regf, "Index leaf" to "Index root").
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import { Cell } from './cell.ts';
import type { HiveBins } from './hive-bins.ts';

export interface SubkeyEntry {
  /** Offset of the cell of the key. */
  readonly offset: number;
  /** Hash of its name in upper case, if the index has it. */
  readonly hash: number | undefined;
}

/** The most subkeys that one key may have here. Windows keys with the most have some 20,000. */
export const MAX_SUBKEYS = 200_000;

/** Bytes per element. */
const ELEMENT = { li: 4, lf: 8, lh: 8 } as const;
const HEADER = 4;

/**
 * The entries of the index at `offset`, in its order.
 * @param count - The number of subkeys according to the key, which limits the work.
 * @throws {UnreadableError} the index is damaged, or has another number of entries.
 */
export async function readSubkeyList(bins: HiveBins, offset: number, count: number): Promise<readonly SubkeyEntry[]> {
  if (count === 0) return [];
  if (count > MAX_SUBKEYS) throw new UnreadableError(`a key has ${count} subkeys, more than ${MAX_SUBKEYS}`);
  const cell = await Cell.open(bins, offset);
  if ((await cell.signature()) !== 'ri') return requireCount(await readLeaf(cell), count);
  const leaves = await readElements(cell, 4);
  const entries: SubkeyEntry[] = [];
  for (let at = 0; at < leaves.length; at += 4) {
    for (const entry of await readLeaf(await Cell.open(bins, leaves.readUInt32LE(at)))) entries.push(entry);
    if (entries.length > count) break;
  }
  return requireCount(entries, count);
}

async function readLeaf(cell: Cell): Promise<SubkeyEntry[]> {
  const signature = await cell.signature();
  if (signature !== 'li' && signature !== 'lf' && signature !== 'lh') {
    throw new UnreadableError(`its cell at ${cell.offset} is no list of subkeys`);
  }
  const size = ELEMENT[signature];
  const elements = await readElements(cell, size);
  return Array.from({ length: elements.length / size }, (_, index) => ({
    offset: elements.readUInt32LE(index * size),
    hash: signature === 'lh' ? elements.readUInt32LE(index * size + 4) : undefined,
  }));
}

async function readElements(cell: Cell, size: number): Promise<Buffer> {
  const count = (await cell.read(2, 2)).readUInt16LE();
  return await cell.read(HEADER, count * size);
}

function requireCount(entries: readonly SubkeyEntry[], count: number): readonly SubkeyEntry[] {
  if (entries.length === count) return entries;
  throw new UnreadableError(`a key has ${count} subkeys, but its lists have ${entries.length}`);
}

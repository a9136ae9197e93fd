// Transaction logs since Windows 8.1: a sequence of entries, each with the pages of one write (msuhanov/regf, "New format").
import { type BaseBlock, isBinsSize, SECTOR } from './base-block.ts';
import { Marvin32 } from './marvin32.ts';
import { exactly, type RangedFile } from './ranged-file.ts';
import type { ReplayedSectors } from './replayed-sectors.ts';

const HEADER = 40;
const REFERENCE = 8;

/** Of a longer log, the rest is ignored. Windows writes at most some tens of MiB. */
const MAX_LOG_SIZE = 128 * 1024 * 1024;
/** Bytes that are read at once to compute a checksum. */
const PART = 256 * 1024;

export interface NewLog {
  readonly file: RangedFile;
  readonly base: BaseBlock;
}

/** What the applied entries set. */
export interface Applied {
  /** Sequence number of the last entry. */
  readonly sequence: number;
  /** Size of the bins after it. */
  readonly binsSize: number;
}

interface Entry extends Applied {
  readonly size: number;
  /** Offset and length of each page in the hive, and its offset in the log. */
  readonly pages: readonly (readonly [offset: number, length: number, offsetInLog: number])[];
}

/**
 * Applies the entries of `log` from its own sequence number on, up to the first that is not intact or not the next.
 * Undefined if there is none: entries of earlier writes remain behind the last one.
 * @throws {UnreadableError}
 */
export async function applyNewLog({ file, base }: NewLog, replayed: ReplayedSectors): Promise<Applied | undefined> {
  let applied: Applied | undefined;
  let expected = base.primarySequence;
  for (let at = SECTOR; at + HEADER <= file.size; ) {
    const entry = await readEntry(file, at, expected);
    if (entry === undefined) break;
    for (const [offset, length, offsetInLog] of entry.pages) replayed.add(offset, length, file, offsetInLog);
    applied = { sequence: entry.sequence, binsSize: entry.binsSize };
    expected = following(entry.sequence);
    at += entry.size;
  }
  return applied;
}

/** Sequence numbers wrap around at 32 bits. */
export function following(sequence: number): number {
  return (sequence + 1) >>> 0;
}

async function readEntry(file: RangedFile, at: number, expected: number): Promise<Entry | undefined> {
  const header = await exactly(file, at, HEADER);
  const [size, sequence] = [header.readUInt32LE(4), header.readUInt32LE(12)];
  const [binsSize, count] = [header.readUInt32LE(16), header.readUInt32LE(20)];
  if (header.toString('latin1', 0, 4) !== 'HvLE' || sequence !== expected || !isBinsSize(binsSize)) return undefined;
  if (size < SECTOR || size % SECTOR !== 0 || at + size > Math.min(file.size, MAX_LOG_SIZE)) return undefined;
  if (count === 0 || HEADER + count * REFERENCE > size) return undefined;
  if (new Marvin32().update(header.subarray(0, 32)).digest() !== header.readBigUInt64LE(32)) return undefined;
  if ((await hashOf(file, at + HEADER, size - HEADER)) !== header.readBigUInt64LE(24)) return undefined;
  const references = await exactly(file, at + HEADER, count * REFERENCE);
  const pages = decodePages(references, at + HEADER + references.length, binsSize);
  return pages === undefined || endOfPages(pages) > at + size ? undefined : { size, sequence, binsSize, pages };
}

async function hashOf(file: RangedFile, offset: number, length: number): Promise<bigint> {
  const hash = new Marvin32();
  for (let done = 0; done < length; done += PART) {
    hash.update(await exactly(file, offset + done, Math.min(PART, length - done)));
  }
  return hash.digest();
}

/** The pages follow one another in the log from `offsetInLog`. Undefined if one is not a page of the hive. */
function decodePages(references: Buffer, offsetInLog: number, binsSize: number): Entry['pages'] | undefined {
  const pages: [number, number, number][] = [];
  for (let at = 0; at < references.length; at += REFERENCE) {
    const [offset, length] = [references.readUInt32LE(at), references.readUInt32LE(at + 4)];
    if (offset % SECTOR !== 0 || length % SECTOR !== 0 || offset + length > binsSize) return undefined;
    pages.push([offset, length, offsetInLog]);
    offsetInLog += length;
  }
  return pages;
}

function endOfPages(pages: Entry['pages']): number {
  const [, length, offsetInLog] = pages.at(-1) ?? [0, 0, 0];
  return offsetInLog + length;
}

// Finds the entries of a VHDX log to replay: the active sequence (MS-VHDX 2.3.2).

import type { Crc32c } from '../../base/crc32c.ts';
import { printable } from '../../base/printable.ts';
import { CorruptImageError } from '../../errors.ts';
import type { Guid } from './guid.ts';
import { type LogEntry, readEntry } from './log-entry.ts';
import { LOG_SECTOR, type LogSectors } from './log-sectors.ts';

/**
 * The entries of the active sequence, oldest first, starting at the tail of the newest entry.
 * @param path Path of the file, for messages.
 * @throws {CorruptImageError} the log contains no valid sequence.
 */
export async function findActiveSequence(
  log: LogSectors,
  logGuid: Guid,
  path: string,
  crc32c: Crc32c,
): Promise<LogEntry[]> {
  let active: LogEntry[] = [];
  for (const chain of await readChains(log, logGuid, crc32c)) {
    const sequence = fromTail(chain);
    const newest = sequence.at(-1);
    if (newest !== undefined && newest.sequenceNumber > (active.at(-1)?.sequenceNumber ?? 0n)) active = sequence;
  }
  if (active.length === 0) {
    throw new CorruptImageError(
      `Cannot read ${printable(path)}: it was not closed cleanly, and its log (${logGuid}) contains no valid sequence of entries to replay. Use a backup, or try a repair program for VHDX files on a copy.`,
    );
  }
  return active;
}

/** All valid entries in chains of maximum length: each entry begins at the end of the one before it and has the next number. */
async function readChains(log: LogSectors, logGuid: Guid, crc32c: Crc32c): Promise<LogEntry[][]> {
  const chains: LogEntry[][] = [];
  let offset = 0;
  while (offset < log.length) {
    const entry = await readEntry(log, offset, logGuid, crc32c);
    if (entry !== undefined) {
      const chain = chains.at(-1);
      if (chain !== undefined && follows(chain, entry, log)) chain.push(entry);
      else chains.push([entry]);
    }
    offset += entry?.length ?? LOG_SECTOR;
  }
  const [first, last] = [chains[0], chains.at(-1)];
  const begin = first?.[0];
  if (first !== undefined && last !== undefined && begin !== undefined && first !== last && follows(last, begin, log)) {
    // The chain wraps around the end of the ring.
    chains[0] = [...last, ...first];
    chains.pop();
  }
  return chains;
}

function follows(chain: LogEntry[], entry: LogEntry, log: LogSectors): boolean {
  const before = chain.at(-1);
  return (
    before !== undefined &&
    entry.offset === (before.offset + before.length) % log.length &&
    entry.sequenceNumber === before.sequenceNumber + 1n
  );
}

/** The part of a chain from the tail of its newest entry; empty if the chain does not contain the tail, which makes it invalid. */
function fromTail(chain: LogEntry[]): LogEntry[] {
  const tail = chain.at(-1)?.tail;
  const index = chain.findIndex((entry) => entry.offset === tail);
  return index === -1 ? [] : chain.slice(index);
}

// The log of a VHDX: the entries to replay and their writes (MS-VHDX 2.3).
import { printable } from '../base/printable.ts';
import { descriptorsOf } from '../image/vhdx/log-entry.ts';
import { LogSectors } from '../image/vhdx/log-sectors.ts';
import { cannotShow, exact, RowList, type Structure, type TableRequest } from './structure.ts';
import type { VhdxReading } from './vhdx-reading.ts';

/** One structure for the log, and one for each entry to replay. @throws {CorruptImageError} no header is valid. */
export async function logStructures(reading: VhdxReading, request: TableRequest): Promise<Structure[]> {
  const { file, header, logEntries, problems } = reading;
  if (header === undefined)
    cannotShow('log', printable(file.path), `no valid header locates it (${problems.join(' ')})`);
  const { logOffset, logLength, logGuid } = header;
  const isLost = logGuid !== undefined && logEntries.length === 0;
  const log: Structure = {
    name: 'log',
    offset: logOffset,
    length: logLength,
    problems: isLost ? ['it must be replayed, but contains no valid entries'] : [],
    fields: [
      {
        name: 'LogGuid',
        value: logGuid ?? 'none',
        meaning: logGuid === undefined ? 'the log is empty' : 'the log must be replayed',
      },
      { name: 'Entries to replay', value: logEntries.length },
    ],
  };
  if (logEntries.length === 0) return [log];
  const sectors = new LogSectors(file, header);
  const structures = [log];
  for (const entry of logEntries) {
    request.signal.throwIfAborted();
    const rows = new RowList(request);
    for await (const descriptor of descriptorsOf(sectors, entry)) {
      const { kind, fileOffset } = descriptor;
      rows.add({ descriptor: kind, fileOffset, length: kind === 'zero' ? descriptor.length : 4096 });
    }
    structures.push({
      name: 'log entry',
      offset: sectors.positionOf(entry.offset),
      length: entry.length,
      problems: [],
      fields: [
        { name: 'SequenceNumber', value: exact(entry.sequenceNumber) },
        { name: 'Tail', value: entry.tail },
        { name: 'DescriptorCount', value: entry.descriptorCount },
        { name: 'FlushedFileOffset', value: exact(entry.flushedFileOffset) },
        { name: 'LastFileOffset', value: exact(entry.lastFileOffset) },
      ],
      ...rows.listed,
    });
  }
  return structures;
}

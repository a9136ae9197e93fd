// Reads as many structures of a VHDX as possible, and records the faults (MS-VHDX 2).

import { Crc32c } from '../base/crc32c.ts';
import { VhdupError } from '../errors.ts';
import { Fields } from '../image/fields.ts';
import type { ImageBytes } from '../image/image-bytes.ts';
import type { ImageFile } from '../image/image-file.ts';
import { readActiveHeader, type VhdxHeader } from '../image/vhdx/headers.ts';
import type { LogEntry } from '../image/vhdx/log-entry.ts';
import { LogSectors } from '../image/vhdx/log-sectors.ts';
import { findActiveSequence } from '../image/vhdx/log-sequence.ts';
import { type DiskParameters, readDiskParameters } from '../image/vhdx/metadata.ts';
import { decodeParentLocator, type ParentLocator } from '../image/vhdx/parent-locator.ts';
import { type Regions, readRegions } from '../image/vhdx/region-table.ts';
import { ReplayedFile } from '../image/vhdx/replayed-file.ts';

/** A part is absent if it, or something that it depends on, cannot be used. */
export interface VhdxReading {
  readonly file: ImageFile;
  readonly crc32c: Crc32c;
  /** The contents with the log replayed, or unchanged if the log cannot be replayed. */
  readonly bytes: ImageBytes;
  readonly header?: VhdxHeader;
  /** Entries to replay, oldest first. Empty if the log is empty or cannot be replayed. */
  readonly logEntries: readonly LogEntry[];
  readonly regions?: Regions;
  readonly disk?: DiskParameters;
  readonly parentLocator?: ParentLocator;
  /** Why parts cannot be used: sentences, in the order in which they were found. */
  readonly problems: readonly string[];
}

export async function readVhdx(file: ImageFile): Promise<VhdxReading> {
  const problems: string[] = [];
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof VhdupError)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const crc32c = await Crc32c.create();
  const header = await attempt(() => readActiveHeader(file, crc32c));
  const log = header === undefined ? undefined : await attempt(() => readLog(file, header, crc32c));
  const bytes = log?.bytes ?? file;
  const regions =
    header === undefined
      ? undefined
      : await attempt(() => readRegions(bytes, { offset: header.logOffset, length: header.logLength }, crc32c, {}));
  const disk = regions === undefined ? undefined : await attempt(() => readDiskParameters(bytes, regions.metadata));
  const item = disk?.parentLocator;
  const parentLocator = item === undefined ? undefined : await attempt(() => decodeParentLocator(item));
  return {
    file,
    crc32c,
    bytes,
    ...(header === undefined ? {} : { header }),
    logEntries: log?.entries ?? [],
    ...(regions === undefined ? {} : { regions }),
    ...(disk === undefined ? {} : { disk }),
    ...(parentLocator === undefined ? {} : { parentLocator }),
    problems,
  };
}

async function readLog(
  file: ImageFile,
  header: VhdxHeader,
  crc32c: Crc32c,
): Promise<{ bytes: ImageBytes; entries: readonly LogEntry[] }> {
  if (header.logGuid === undefined) return { bytes: file, entries: [] };
  const sectors = new LogSectors(file, header);
  const entries = await findActiveSequence(sectors, header.logGuid, file.path, crc32c);
  return { bytes: await ReplayedFile.replay(file, sectors, header.logGuid, crc32c), entries };
}

/** The structure of `length` bytes at `offset`, or undefined if it is not inside the file. */
export async function fieldsAt(
  bytes: ImageBytes,
  structure: string,
  offset: number,
  length: number,
): Promise<Fields | undefined> {
  if (offset + length > bytes.size) return undefined;
  const into = new Uint8Array(length);
  await bytes.read(offset, into);
  return new Fields(into, { path: bytes.path, structure, offset }, 'little');
}

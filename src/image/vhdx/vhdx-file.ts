// One VHDX file, opened and checked: header, log, regions, metadata and BAT, in the order in which each can be trusted (MS-VHDX 2).
import { basename } from 'node:path';
import { Crc32c } from '../../base/crc32c.ts';
import { printable } from '../../base/printable.ts';
import type { ImageFileIdentity, OpenDiskImageOptions } from '../disk-image.ts';
import type { ImageBytes } from '../image-bytes.ts';
import type { ImageFile } from '../image-file.ts';
import { sectorSizeWarning } from '../sector-size-warning.ts';
import { BlockAllocationTable } from './bat.ts';
import type { Guid } from './guid.ts';
import { readActiveHeader, type VhdxHeader } from './headers.ts';
import { LogSectors } from './log-sectors.ts';
import { type DiskParameters, readDiskParameters } from './metadata.ts';
import { decodeParentLocator, type ParentLocator } from './parent-locator.ts';
import { readRegions } from './region-table.ts';
import { ReplayedFile } from './replayed-file.ts';

export interface VhdxFile {
  readonly file: ImageFile;
  /** The contents of the file with its log replayed. */
  readonly bytes: ImageBytes;
  readonly dataWriteGuid: Guid;
  readonly disk: DiskParameters;
  readonly bat: BlockAllocationTable;
  /** Undefined unless the disk is differencing. */
  readonly parentLocator: ParentLocator | undefined;
}

/**
 * Reads and checks the structures of `file`. The caller still closes it. The file is never written to.
 * @throws {CorruptImageError} @throws {UnsupportedImageError} @throws {ImageAccessError}
 */
export async function openVhdxFile(file: ImageFile, options: OpenDiskImageOptions): Promise<VhdxFile> {
  const crc32c = await Crc32c.create();
  const header = await readActiveHeader(file, crc32c);
  // Only the headers may be read before the log is replayed.
  const bytes = await replayLog(file, header, crc32c, options);
  const log = { offset: header.logOffset, length: header.logLength };
  const regions = await readRegions(bytes, log, crc32c, options);
  const disk = await readDiskParameters(bytes, regions.metadata);
  if (disk.logicalSectorSize === 4096) options.onWarning?.(sectorSizeWarning(printable(file.path)));
  const bat = new BlockAllocationTable(bytes, regions, disk);
  await bat.check();
  return {
    file,
    bytes,
    dataWriteGuid: header.dataWriteGuid,
    disk,
    bat,
    parentLocator: disk.parentLocator === undefined ? undefined : decodeParentLocator(disk.parentLocator),
  };
}

/** The identity of the file, to recognise it in the next run. Its DataWriteGuid changes when the contents of the disk may have changed. */
export function identityOf({ file, dataWriteGuid }: VhdxFile): ImageFileIdentity {
  const { path, size, modifiedMs } = file;
  return { path: path, name: basename(path), size, modifiedMs, diskId: dataWriteGuid.replaceAll('-', '') };
}

async function replayLog(
  file: ImageFile,
  header: VhdxHeader,
  crc32c: Crc32c,
  { onWarning, onDebug }: OpenDiskImageOptions,
): Promise<ImageBytes> {
  if (header.logGuid === undefined) return file;
  const replayed = await ReplayedFile.replay(file, new LogSectors(file, header), header.logGuid, crc32c);
  onWarning?.({
    code: 'log-replayed',
    message: `${printable(file.path)} was not closed cleanly, or is in use. Its log was replayed in memory; the file was not changed.`,
  });
  onDebug?.(`${printable(file.path)}: replayed ${replayed.entryCount} entries of the log ${header.logGuid}.`);
  return replayed;
}

// The properties that a VHDX states, as far as its structures can be used.
import type { DiskImageFormat } from '../image/disk-image.ts';
import { Fields } from '../image/fields.ts';
import type { ImageFile } from '../image/image-file.ts';
import { type Guid, guidAt } from '../image/vhdx/guid.ts';
import type { DiskParameters } from '../image/vhdx/metadata.ts';
import type { FileFacts, ImageFacts } from './image-facts.ts';
import { fieldsAt, readVhdx, type VhdxReading } from './vhdx-reading.ts';
import { creatorOf, HEADER_LENGTH, HEADER_OFFSETS, IDENTIFIER_LENGTH } from './vhdx-structures.ts';

export async function vhdxFacts(file: ImageFile, facts: FileFacts): Promise<ImageFacts> {
  const reading = await readVhdx(file);
  const { header, disk, parentLocator, logEntries } = reading;
  const identifier = await fieldsAt(file, 'file identifier', 0, IDENTIFIER_LENGTH);
  const creator = identifier === undefined ? '' : creatorOf(identifier);
  const fileWriteGuid = await fileWriteGuidOf(reading);
  return {
    ...facts,
    ...(disk === undefined ? {} : diskFacts(disk)),
    ...(creator === '' ? {} : { creator: { application: creator } }),
    ids: {
      ...(header === undefined ? {} : { dataWriteGuid: digits(header.dataWriteGuid) }),
      ...(fileWriteGuid === undefined ? {} : { fileWriteGuid: digits(fileWriteGuid) }),
      ...(disk === undefined ? {} : { page83Id: digits(page83Of(disk)) }),
      ...(parentLocator === undefined ? {} : { parentId: digits(parentLocator.linkages[0] ?? '') }),
    },
    ...(header === undefined
      ? {}
      : {
          log: {
            state: header.logGuid === undefined ? 'empty' : 'dirty',
            length: header.logLength,
            entriesToReplay: logEntries.length,
          },
        }),
    ...(parentLocator === undefined ? {} : { parentReferences: referencesOf(parentLocator) }),
  };
}

function diskFacts(disk: DiskParameters): Pick<ImageFacts, 'format' | 'diskSize' | 'blockSize' | 'sectorSize'> {
  const { size, blockSize, logicalSectorSize, physicalSectorSize, leaveBlocksAllocated, parentLocator } = disk;
  const format: DiskImageFormat =
    parentLocator !== undefined ? 'vhdx-differencing' : leaveBlocksAllocated ? 'vhdx-fixed' : 'vhdx-dynamic';
  return {
    format,
    diskSize: size,
    blockSize,
    sectorSize: { logical: logicalSectorSize, physical: physicalSectorSize },
  };
}

/** From the active header: the first intact one with the active sequence number. */
async function fileWriteGuidOf({ file, header, crc32c }: VhdxReading): Promise<Guid | undefined> {
  for (const offset of HEADER_OFFSETS) {
    const fields = header === undefined ? undefined : await fieldsAt(file, 'header', offset, HEADER_LENGTH);
    if (
      fields?.bigU64(8) === header?.sequenceNumber &&
      fields?.u32(4) === crc32c.of(fields?.bytes ?? new Uint8Array(8))
    ) {
      return fields === undefined ? undefined : guidAt(fields, 16);
    }
  }
  return undefined;
}

function page83Of({ page83Id }: DiskParameters): Guid {
  return guidAt(new Fields(page83Id, { path: '', structure: 'page 83 data', offset: 0 }, 'little'), 0);
}

function referencesOf(locator: NonNullable<VhdxReading['parentLocator']>): { source: string; text: string }[] {
  const { relativePath, absolutePath, volumePath } = locator;
  const all = { relative_path: relativePath, absolute_win32_path: absolutePath, volume_path: volumePath };
  return Object.entries(all).flatMap(([source, text]) => (text === undefined ? [] : [{ source, text }]));
}

function digits(guid: Guid): string {
  return guid.replaceAll('-', '');
}

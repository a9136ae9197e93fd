// The properties that a VHD states, from the first intact copy of its footer.
import type { DiskImageFormat } from '../image/disk-image.ts';
import type { Fields } from '../image/fields.ts';
import type { ImageFile } from '../image/image-file.ts';
import { decodeParentName } from '../image/vhd/dynamic-header.ts';
import { DISK_TYPE } from '../image/vhd/footer.ts';
import { capacityOf } from '../image/vhd/geometry.ts';
import { decodeLocators, readLocator } from '../image/vhd/parent-locator.ts';
import { creatorName, creatorSystem, versionText, vhdTime } from './creators.ts';
import type { FileFacts, ImageFacts } from './image-facts.ts';
import { exact } from './structure.ts';
import { type FooterCopy, readHeaderFields, usedCopy } from './vhd-structures.ts';

const FORMATS: Readonly<Record<number, DiskImageFormat>> = {
  [DISK_TYPE.fixed]: 'vhd-fixed',
  [DISK_TYPE.dynamic]: 'vhd-dynamic',
  [DISK_TYPE.differencing]: 'vhd-differencing',
};

/** Disk2vhd and qemu-img (force_size) write it for any size, and every program above 127.5 GiB, so it carries no information. */
const LARGEST_GEOMETRY = { cylinders: 65535, heads: 16, sectorsPerTrack: 255 };

export async function vhdFacts(file: ImageFile, copies: readonly FooterCopy[], facts: FileFacts): Promise<ImageFacts> {
  const footer = usedCopy(copies)?.fields;
  if (footer === undefined) return { ...facts, ids: {} };
  const format = FORMATS[footer.u32(60)];
  const diskSize = exact(footer.bigU64(48));
  const timestamp = vhdTime(footer.u32(24));
  const header = await readHeaderFields(file, footer);
  return {
    ...facts,
    ...(format === undefined ? {} : { format }),
    ...(typeof diskSize === 'number' ? { diskSize, geometry: geometryOf(footer, diskSize) } : {}),
    ...(header === undefined ? {} : { blockSize: header.u32(32) }),
    sectorSize: { logical: 512, physical: 512 },
    creator: creatorOf(footer),
    ...(timestamp === undefined ? {} : { timestamp }),
    ids: {
      uniqueId: hex(footer.slice(68, 16)),
      ...(header !== undefined && format === 'vhd-differencing' ? { parentId: hex(header.slice(40, 16)) } : {}),
    },
    savedState: footer.u8(84) === 1,
    ...(header !== undefined && format === 'vhd-differencing'
      ? { parentReferences: await referencesOf(file, header) }
      : {}),
  };
}

function creatorOf(footer: Fields): NonNullable<ImageFacts['creator']> {
  const application = footer.ascii(28, 4);
  const name = creatorName(application);
  const operatingSystem = creatorSystem(footer.ascii(36, 4));
  return {
    application: application.replace(/[\0 ]+$/, ''),
    version: versionText(footer.u32(32)),
    ...(name === undefined ? {} : { name }),
    ...(operatingSystem === undefined ? {} : { operatingSystem }),
  };
}

function geometryOf(footer: Fields, diskSize: number): NonNullable<ImageFacts['geometry']> {
  const geometry = { cylinders: footer.u16(56), heads: footer.u8(58), sectorsPerTrack: footer.u8(59) };
  const size = capacityOf(geometry);
  const cylinder = geometry.heads * geometry.sectorsPerTrack * 512;
  const isLargest = size === capacityOf(LARGEST_GEOMETRY);
  return { ...geometry, size, differs: !isLargest && Math.abs(diskSize - size) > cylinder };
}

async function referencesOf(file: ImageFile, header: Fields): Promise<{ source: string; text: string }[]> {
  const references: { source: string; text: string }[] = [];
  for (const locator of decodeLocators(header)) {
    const read = await readLocator(file, locator);
    references.push({ source: read.source, text: 'text' in read ? read.text : '' });
  }
  const name = decodeParentName(header);
  if (name !== '') references.push({ source: 'parent name', text: name });
  return references;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

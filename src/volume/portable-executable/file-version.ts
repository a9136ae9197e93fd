// readFileVersion: the version in the resources of a program or driver (Microsoft, "PE Format", "VS_FIXEDFILEINFO").
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import { exactly, type RangedFile } from '../registry/ranged-file.ts';

/** Major, minor, build, revision. */
export type FileVersion = readonly [number, number, number, number];

/** A section of the file, in memory and in the file, in bytes. */
interface Section {
  readonly address: number;
  readonly offset: number;
  readonly length: number;
}

/** Of the resources with versions. */
const VERSION_TYPE = 16;
const RESOURCES = 2;
const IS_FOLDER = 0x80000000;
/** Programs have about ten sections, and few kinds of resources. */
const MAX_SECTIONS = 96;
const MAX_ENTRIES = 1024;
/** A version with all its texts has about 1 KiB. */
const MAX_VERSION_LENGTH = 64 * 1024;
const SIGNATURE = 0xfeef04bd;
/** The signature follows three lengths and the key VS_VERSION_INFO. */
const FIXED_AT = 40;

/**
 * Undefined if the file has no version.
 * @throws {UnreadableError} the file is not a program, is damaged, or cannot be read.
 */
export async function readFileVersion(file: RangedFile): Promise<FileVersion | undefined> {
  const start = await exactly(file, 0, 64);
  if (start.toString('latin1', 0, 2) !== 'MZ')
    throw new UnreadableError('it is not a program: it does not begin with MZ');
  const header = start.readUInt32LE(60);
  const fixed = await exactly(file, header, 24);
  if (fixed.toString('latin1', 0, 4) !== 'PE\0\0') throw new UnreadableError('it is not a program for Windows');
  const optional = await exactly(file, header + 24, fixed.readUInt16LE(20));
  const resources = resourcesIn(optional);
  if (resources === undefined) return undefined;
  const count = fixed.readUInt16LE(6);
  if (count > MAX_SECTIONS) throw new UnreadableError(`it has ${count} sections`);
  const table = await exactly(file, header + 24 + optional.length, count * 40);
  const sections = Array.from({ length: count }, (_, index): Section => {
    const at = index * 40;
    return {
      address: table.readUInt32LE(at + 12),
      length: table.readUInt32LE(at + 16),
      offset: table.readUInt32LE(at + 20),
    };
  });
  const root = offsetOf(resources, sections);
  const version = await versionResource(file, root);
  if (version === undefined) return undefined;
  return versionIn(await exactly(file, offsetOf(version.address, sections), version.length));
}

/** Address of the resources. Programs of 64 bits have a longer header. */
function resourcesIn(optional: Buffer): number | undefined {
  const magic = optional.length < 2 ? 0 : optional.readUInt16LE(0);
  const at = magic === 0x20b ? 112 : magic === 0x10b ? 96 : undefined;
  if (at === undefined) throw new UnreadableError(`its header has the unknown type ${magic}`);
  const entry = at + RESOURCES * 8;
  if (optional.length < entry + 8 || optional.readUInt32LE(at - 4) <= RESOURCES) return undefined;
  return optional.readUInt32LE(entry) || undefined;
}

function offsetOf(address: number, sections: readonly Section[]): number {
  const section = sections.find((one) => address >= one.address && address < one.address + one.length);
  if (section === undefined) throw new UnreadableError(`its address ${address} is in no section`);
  return section.offset + address - section.address;
}

/** Resources are in folders by type, name and language. The first name and language are those of the file. */
async function versionResource(
  file: RangedFile,
  root: number,
): Promise<{ readonly address: number; readonly length: number } | undefined> {
  const byType = await entryIn(file, root, 0, (id) => id === VERSION_TYPE);
  const byName = byType && (await entryIn(file, root, byType.offset, () => true));
  const byLanguage = byName && (await entryIn(file, root, byName.offset, () => true));
  if (byLanguage === undefined) return undefined;
  if (byLanguage.isFolder) throw new UnreadableError('its resources have more than three levels');
  const data = await exactly(file, root + byLanguage.offset, 8);
  const length = data.readUInt32LE(4);
  if (length > MAX_VERSION_LENGTH) throw new UnreadableError(`its version has ${length} bytes`);
  return { address: data.readUInt32LE(0), length };
}

async function entryIn(
  file: RangedFile,
  root: number,
  folder: number,
  isWanted: (id: number) => boolean,
): Promise<{ readonly offset: number; readonly isFolder: boolean } | undefined> {
  const head = await exactly(file, root + folder, 16);
  const count = head.readUInt16LE(12) + head.readUInt16LE(14);
  if (count > MAX_ENTRIES) throw new UnreadableError(`a folder of its resources has ${count} entries`);
  const entries = await exactly(file, root + folder + 16, count * 8);
  for (let at = 0; at < entries.length; at += 8) {
    if (!isWanted(entries.readUInt32LE(at))) continue;
    const target = entries.readUInt32LE(at + 4);
    const isFolder = target >= IS_FOLDER;
    return { offset: isFolder ? target - IS_FOLDER : target, isFolder };
  }
  return undefined;
}

function versionIn(resource: Buffer): FileVersion {
  if (resource.length < FIXED_AT + 16 || resource.readUInt32LE(FIXED_AT) !== SIGNATURE) {
    throw new UnreadableError('its version is damaged');
  }
  const words = (at: number): [number, number] => [resource.readUInt16LE(at + 2), resource.readUInt16LE(at)];
  return [...words(FIXED_AT + 8), ...words(FIXED_AT + 12)];
}

// Opens a VHDX of any type; for a differencing VHDX, all files down to the base of its chain.

import { Crc32c } from '../../base/crc32c.ts';
import { printable } from '../../base/printable.ts';
import { ParentImageError } from '../../errors.ts';
import type { DiskImage, ImageWarning, OpenDiskImageOptions } from '../disk-image.ts';
import type { ImageFile } from '../image-file.ts';
import { type Candidate, findParent, type ParentReference, requireDepth } from '../parent-chain.ts';
import { parsePath } from '../parent-path.ts';
import type { Guid } from './guid.ts';
import { readActiveHeader } from './headers.ts';
import type { ParentLocator } from './parent-locator.ts';
import { identityOf, openVhdxFile, type VhdxFile } from './vhdx-file.ts';
import { VhdxImage } from './vhdx-image.ts';

/**
 * Opens the disk in `file`. On failure, closes the parents; the caller still closes `file`.
 * @throws {CorruptImageError} @throws {UnsupportedImageError} @throws {ParentImageError} @throws {ImageAccessError}
 */
export async function openVhdx(file: ImageFile, options: OpenDiskImageOptions): Promise<DiskImage> {
  const parents: VhdxFile[] = [];
  try {
    const child = await openVhdxFile(file, options);
    options.onFile?.(identityOf(child));
    for (let current = child; current.parentLocator !== undefined; ) {
      current = await openParent(current, current.parentLocator, [child, ...parents], options);
      parents.push(current);
      options.onFile?.(identityOf(current));
    }
    const base = parents.reduceRight<VhdxImage | undefined>((parent, one) => new VhdxImage(one, parent), undefined);
    return new VhdxImage(child, base);
  } catch (error) {
    for (const parent of parents) await parent.file.close();
    throw error;
  }
}

async function openParent(
  child: VhdxFile,
  locator: ParentLocator,
  chain: readonly VhdxFile[],
  options: OpenDiskImageOptions,
): Promise<VhdxFile> {
  const { file } = child;
  const path = printable(file.path);
  const wanted = locator.linkages.join(' or ');
  const known = chain.find((link) => locator.linkages.includes(link.dataWriteGuid));
  if (known !== undefined) {
    throw new ParentImageError(
      `Cannot open the parent of ${path}: its DataWriteGuid ${wanted} is the id of ${printable(known.file.path)}, so the chain is a loop.`,
    );
  }
  requireDepth(path, chain.length);
  return await findParent<VhdxFile>({
    child: file,
    format: 'VHDX',
    wanted: `DataWriteGuid ${wanted}`,
    references: referencesOf(locator),
    usedFileIds: new Set(chain.map((link) => link.file.fileId)),
    options,
    examine: async (candidate) => await examine(candidate, locator.linkages, child, options),
  });
}

function referencesOf(locator: ParentLocator): ParentReference[] {
  const references: ParentReference[] = [];
  const { relativePath, absolutePath, volumePath } = locator;
  if (relativePath !== undefined) {
    references.push({ source: 'relative_path', text: relativePath, path: parsePath(relativePath) });
  }
  if (absolutePath !== undefined) {
    references.push({ source: 'absolute_win32_path', text: absolutePath, path: parsePath(absolutePath) });
  }
  if (volumePath !== undefined) {
    // Such a path works only on the computer that wrote it, and absolute_win32_path works there as well.
    const path = { kind: 'refused', problem: 'it names a volume by its id' } as const;
    references.push({ source: 'volume_path', text: volumePath, path });
  }
  return references;
}

async function examine(
  file: ImageFile,
  linkages: readonly Guid[],
  child: VhdxFile,
  options: OpenDiskImageOptions,
): Promise<Candidate<VhdxFile>> {
  const { dataWriteGuid } = await readActiveHeader(file, await Crc32c.create());
  if (!linkages.includes(dataWriteGuid)) {
    return {
      problem: `its DataWriteGuid is ${dataWriteGuid}, so it is another disk, or was written to after the child was created`,
    };
  }
  // Warnings are reported only if the parent opens; otherwise the error matters.
  const warnings: ImageWarning[] = [];
  const parent = await openVhdxFile(file, { ...options, onWarning: (warning) => warnings.push(warning) });
  for (const warning of warnings) options.onWarning?.(warning);
  // Expanding a child is allowed, expanding its parent is not.
  if (parent.disk.size > child.disk.size) {
    options.onWarning?.({
      code: 'parent-size-differs',
      message: `The disk in ${printable(file.path)} has ${parent.disk.size} bytes, but the disk in its child ${printable(child.file.path)} has ${child.disk.size}: the parent was expanded after the child was created. Windows rejects such a chain, and the file system may be damaged. Use the original parent, or compare the disk with its source.`,
    });
  }
  return { parent };
}

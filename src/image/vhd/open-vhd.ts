// Opens a VHD of any type; a differencing one with all files down to the base of its chain.

import { printable } from '../../base/printable.ts';
import { ParentImageError } from '../../errors.ts';
import type { DiskImage, ImageWarning, OpenDiskImageOptions } from '../disk-image.ts';
import { recognise } from '../foreign/recognise.ts';
import type { ImageFile } from '../image-file.ts';
import { type Candidate, findParent, type ParentReference, requireDepth } from '../parent-chain.ts';
import { parseFileUrl, parsePath } from '../parent-path.ts';
import { DifferencingVhd } from './differencing-vhd.ts';
import { DynamicVhd } from './dynamic-vhd.ts';
import { type FoundFooter, findFooter } from './find-footer.ts';
import { FixedVhd } from './fixed-vhd.ts';
import { DISK_TYPE, type VhdFooter } from './footer.ts';
import { capacityOf } from './geometry.ts';
import { readLocator } from './parent-locator.ts';
import { openSparseVhdFile, type SparseVhdFile } from './sparse-vhd-file.ts';

interface VhdFile {
  readonly file: ImageFile;
  readonly found: FoundFooter;
}

/** Opens the disk in `file`. When that fails the parents are closed again, and `file` stays the caller's. */
export async function openVhd(file: ImageFile, found: FoundFooter, options: OpenDiskImageOptions): Promise<DiskImage> {
  const chain: VhdFile[] = [{ file, found }];
  try {
    const children: SparseVhdFile[] = [];
    for (let current = chain[0]; current !== undefined; current = chain.at(-1)) {
      noteState(current, options);
      const { diskType } = current.found.footer;
      if (diskType === DISK_TYPE.fixed) {
        const base = new FixedVhd(current.file, current.found, options);
        for (const file of base.files) options.onFile?.(file);
        return assemble(children, base);
      }
      const source = await openSparseVhdFile(current.file, current.found);
      options.onFile?.(source.identity);
      if (diskType === DISK_TYPE.dynamic) return assemble(children, new DynamicVhd(source, options));
      children.push(source);
      chain.push(await openParent(source, chain, options));
    }
    throw new RangeError('A chain has at least one file.');
  } catch (error) {
    for (const parent of chain.slice(1)) await parent.file.close();
    throw error;
  }
}

/** `children` from the last one down. */
function assemble(children: readonly SparseVhdFile[], base: DiskImage): DiskImage {
  return children.reduceRight((parent, source) => new DifferencingVhd(source, parent), base);
}

function noteState({ file, found: { footer } }: VhdFile, options: OpenDiskImageOptions): void {
  const path = printable(file.path);
  if (footer.savedState) {
    options.onWarning?.({
      code: 'saved-state',
      message: `${path} belongs to a virtual machine that was suspended: what it held in memory is not on the disk. Resume it and shut it down for a clean copy.`,
    });
  }
  const capacity = capacityOf(footer.geometry);
  const { heads, sectorsPerTrack } = footer.geometry;
  if (Math.abs(footer.currentSize - capacity) > heads * sectorsPerTrack * 512) {
    options.onDebug?.(
      `${path}: the current size of ${footer.currentSize} bytes is used; its geometry covers ${capacity}.`,
    );
  }
}

async function openParent(
  child: SparseVhdFile,
  chain: readonly VhdFile[],
  options: OpenDiskImageOptions,
): Promise<VhdFile> {
  const { file, header } = child;
  const path = printable(file.path);
  const parentId = hex(header.parentId);
  if (/^0+$/.test(parentId)) {
    throw new ParentImageError(
      `Cannot open the parent of ${path}: its parent id is zero, so the parent is a raw file, a form that only Xen reads. Join them with Xen's vhd-util coalesce, or convert the raw file and make the child anew.`,
    );
  }
  const known = chain.find(({ found }) => hex(found.footer.uniqueId) === parentId);
  if (known !== undefined) {
    throw new ParentImageError(
      `Cannot open the parent of ${path}: its parent id ${parentId} is that of ${printable(known.file.path)}, so the chain is a loop.`,
    );
  }
  requireDepth(path, chain.length);
  return await findParent<VhdFile>({
    child: file,
    wanted: `unique id ${parentId}`,
    references: await referencesOf(child),
    usedFileIds: new Set(chain.map((link) => link.file.fileId)),
    options,
    examine: async (candidate) => await examine(candidate, child, options),
  });
}

async function referencesOf({ file, header }: SparseVhdFile): Promise<ParentReference[]> {
  const references: ParentReference[] = [];
  for (const locator of header.locators) {
    const read = await readLocator(file, locator);
    if ('problem' in read)
      references.push({ source: read.source, text: '', path: { kind: 'refused', problem: read.problem } });
    else references.push({ ...read, path: read.isUrl ? parseFileUrl(read.text) : parsePath(read.text) });
  }
  const { parentName } = header;
  if (parentName !== '') references.push({ source: 'parent name', text: parentName, path: parsePath(parentName) });
  return references;
}

async function examine(
  file: ImageFile,
  { header }: SparseVhdFile,
  options: OpenDiskImageOptions,
): Promise<Candidate<VhdFile>> {
  // Held back: warnings about a file that turns out to be another disk are of no use to anyone.
  const warnings: ImageWarning[] = [];
  const found = await findFooter(file, { ...options, onWarning: (warning) => warnings.push(warning) });
  if (found === undefined) {
    const format = await recognise(file);
    return { problem: `it is ${format?.name ?? 'not a VHD'}, and the parent of a VHD is a VHD` };
  }
  if (hex(found.footer.uniqueId) !== hex(header.parentId)) {
    return { problem: `its unique id is ${hex(found.footer.uniqueId)}` };
  }
  for (const warning of warnings) options.onWarning?.(warning);
  noteTimestamp(file, found.footer, header.parentTimestamp, options);
  return { parent: { file, found } };
}

/** Never more than a note: Windows 10 writes 0, VirtualBox a time of its own, and every restored backup differs. */
function noteTimestamp(file: ImageFile, footer: VhdFooter, expected: number, options: OpenDiskImageOptions): void {
  if (footer.timestamp === expected) return;
  options.onDebug?.(
    `${printable(file.path)}: its timestamp is ${footer.timestamp}, and the child expects ${expected}. The unique id agrees, so it is used.`,
  );
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}

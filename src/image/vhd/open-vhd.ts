// Opens a VHD of any type; for a differencing VHD, all files down to the base of its chain.

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

/** Opens the disk in `file`. On failure, closes the parents; the caller still closes `file`. */
export async function openVhd(file: ImageFile, found: FoundFooter, options: OpenDiskImageOptions): Promise<DiskImage> {
  const chain: VhdFile[] = [{ file, found }];
  try {
    const children: SparseVhdFile[] = [];
    for (let current = chain[0]; current !== undefined; current = chain.at(-1)) {
      reportState(current, options);
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
    throw new RangeError('A chain needs at least one file.');
  } catch (error) {
    for (const parent of chain.slice(1)) await parent.file.close();
    throw error;
  }
}

/** Assembles `children`, ordered from the opened file down, on top of `base`. */
function assemble(children: readonly SparseVhdFile[], base: DiskImage): DiskImage {
  return children.reduceRight((parent, source) => new DifferencingVhd(source, parent), base);
}

function reportState({ file, found: { footer } }: VhdFile, options: OpenDiskImageOptions): void {
  const path = printable(file.path);
  if (footer.savedState) {
    options.onWarning?.({
      code: 'saved-state',
      message: `${path} belongs to a suspended virtual machine: the contents of its memory are not on the disk. Resume the machine and shut it down for a clean copy.`,
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
      `Cannot open the parent of ${path}: its parent id is zero, so the parent is a raw file, which only Xen supports. Merge them with Xen's vhd-util coalesce, or convert the raw file and create the child again.`,
    );
  }
  const known = chain.find(({ found }) => hex(found.footer.uniqueId) === parentId);
  if (known !== undefined) {
    throw new ParentImageError(
      `Cannot open the parent of ${path}: its parent id ${parentId} is the id of ${printable(known.file.path)}, so the chain is a loop.`,
    );
  }
  requireDepth(path, chain.length);
  return await findParent<VhdFile>({
    child: file,
    format: 'VHD',
    wanted: `unique id ${parentId}`,
    references: await referencesOf(child),
    usedFileIds: new Set(chain.map((link) => link.file.fileId)),
    options,
    examine: async (candidate, byId) => await examine(candidate, child, options, byId),
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
  child: SparseVhdFile,
  options: OpenDiskImageOptions,
  byId: boolean,
): Promise<Candidate<VhdFile>> {
  // Warnings are reported only once the file is known to be the parent.
  const warnings: ImageWarning[] = [];
  const found = await findFooter(file, { ...options, onWarning: (warning) => warnings.push(warning) });
  if (found === undefined) {
    const format = await recognise(file);
    return { problem: `it is ${format?.name ?? 'not a VHD'}, but the parent of a VHD must be a VHD` };
  }
  if (hex(found.footer.uniqueId) !== hex(child.header.parentId)) {
    return { problem: `its unique id is ${hex(found.footer.uniqueId)}` };
  }
  const { timestamp } = found.footer;
  const expected = child.header.parentTimestamp;
  // Without the name as well, too little shows that this is the parent in the state that the child was created from.
  if (byId && expected > 0 && timestamp !== expected) {
    return {
      problem: `it has this unique id, but its timestamp is ${timeOf(timestamp)} instead of ${timeOf(expected)}, so it may be an older or modified copy of the parent; to use it nevertheless, pass this file with --parent-path`,
      hasId: true,
    };
  }
  for (const warning of warnings) options.onWarning?.(warning);
  warnOfChanges(file, found.footer, child, options);
  return { parent: { file, found } };
}

/** More than the largest difference of time zones, because some writers store local time. */
const CLOCK_SLACK_S = 26 * 3600;

/** Warns about contradictions that do not prevent reading: the unique id identifies the parent, but does not prove that it is unmodified. */
function warnOfChanges(file: ImageFile, footer: VhdFooter, child: SparseVhdFile, options: OpenDiskImageOptions): void {
  const [path, childPath] = [printable(file.path), printable(child.file.path)];
  if (footer.currentSize !== child.footer.currentSize) {
    options.onWarning?.({
      code: 'parent-size-differs',
      message: `The disk in ${path} has ${footer.currentSize} bytes, but the disk in its child ${childPath} has ${child.footer.currentSize}: one of them was resized after the child was created. Windows rejects such a chain, and the file system may be damaged. Use the original parent, or compare the disk with its source.`,
    });
  }
  const expected = child.header.parentTimestamp;
  if (expected > 0 && footer.timestamp > expected + CLOCK_SLACK_S) {
    options.onWarning?.({
      code: 'parent-modified',
      message: `${path} was written at ${timeOf(footer.timestamp)}, but its child ${childPath} was created from its state at ${timeOf(expected)}: if the parent was modified in between, the disk is damaged. Use the original parent, or compare the disk with its source.`,
    });
  }
  // Only a debug message: Windows 10 writes 0, VirtualBox its own time, and every restored backup differs.
  if (footer.timestamp === expected) return;
  options.onDebug?.(
    `${path}: its timestamp is ${footer.timestamp}, but the child expects ${expected}. The unique id matches, so it is used.`,
  );
}

/** VHD counts seconds since 2000. */
function timeOf(timestamp: number): string {
  return new Date(Date.UTC(2000, 0, 1) + timestamp * 1000).toISOString();
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}

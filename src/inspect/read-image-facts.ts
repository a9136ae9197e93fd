// Reads the facts of one image file, whatever its format.
import type { ImageFile } from '../image/image-file.ts';
import { endsAsFixedVhd } from '../image/vhd/find-footer.ts';
import { beginsAsVhdx } from '../image/vhdx/headers.ts';
import type { FileFacts, ImageFacts } from './image-facts.ts';
import { vhdFacts } from './vhd-facts.ts';
import { readFooterCopies } from './vhd-structures.ts';
import { vhdxFacts } from './vhdx-facts.ts';

/** @throws {CorruptImageError} @throws {ImageAccessError} the file itself cannot be read. */
export async function readImageFacts(file: ImageFile, format?: 'raw'): Promise<ImageFacts> {
  const facts: FileFacts = {
    path: file.path,
    fileSize: file.size,
    modified: new Date(file.modifiedMs).toISOString(),
  };
  if (format === 'raw') return { ...facts, format, diskSize: file.size, ids: {} };
  if (await isVhdx(file)) return await vhdxFacts(file, facts);
  const copies = await readFooterCopies(file);
  return copies.length === 0 ? { ...facts, ids: {} } : await vhdFacts(file, copies, facts);
}

/** A fixed VHD may begin with the VHDX signature because someone wrote a VHDX to the disk. */
export async function isVhdx(file: ImageFile): Promise<boolean> {
  return (await beginsAsVhdx(file)) && !(await endsAsFixedVhd(file));
}

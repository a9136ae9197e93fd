// The identity of a VHD file, to recognise it in the next run.
import { basename } from 'node:path';
import type { ImageFileIdentity } from '../disk-image.ts';
import type { ImageFile } from '../image-file.ts';
import type { VhdFooter } from './footer.ts';

export function identityOf(file: ImageFile, footer: VhdFooter): ImageFileIdentity {
  const { size, modifiedMs } = file;
  return {
    path: file.path,
    name: basename(file.path),
    size,
    modifiedMs,
    diskId: Buffer.from(footer.uniqueId).toString('hex'),
  };
}

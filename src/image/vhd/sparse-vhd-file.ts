// The common parts of a dynamic and a differencing VHD: one file with footer, dynamic header, BAT and blocks.
import type { ImageFileIdentity } from '../disk-image.ts';
import type { ImageFile } from '../image-file.ts';
import { Bat } from './bat.ts';
import { BlockReader } from './block-reader.ts';
import { type DynamicHeader, readDynamicHeader } from './dynamic-header.ts';
import type { FoundFooter } from './find-footer.ts';
import type { VhdFooter } from './footer.ts';
import { identityOf } from './identity.ts';

export interface SparseVhdFile {
  readonly file: ImageFile;
  readonly identity: ImageFileIdentity;
  readonly footer: VhdFooter;
  readonly header: DynamicHeader;
  readonly bat: Bat;
  readonly blocks: BlockReader;
}

/** Reads and checks the structures of `file`. The caller still closes it. @throws {CorruptImageError} */
export async function openSparseVhdFile(file: ImageFile, { footer, dataEnd }: FoundFooter): Promise<SparseVhdFile> {
  const header = await readDynamicHeader(file, footer);
  return {
    file,
    identity: identityOf(file, footer),
    footer,
    header,
    bat: await Bat.open(file, header, { diskSize: footer.currentSize, dataEnd }),
    blocks: new BlockReader(file, footer, header.blockSize),
  };
}

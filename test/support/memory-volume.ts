// A file system in a file, for the readers of guest files.
import { readFile } from 'node:fs/promises';
import type { VolumeBytes } from '../../src/volume/file-systems/opened-file-system.ts';

export function volumeOfBytes(bytes: Uint8Array): VolumeBytes {
  return {
    size: bytes.length,
    read: ({ offset, length }, into) => {
      into.set(bytes.subarray(offset, offset + length));
      return Promise.resolve();
    },
  };
}

export async function volumeOfFile(path: string): Promise<VolumeBytes> {
  return volumeOfBytes(await readFile(path));
}

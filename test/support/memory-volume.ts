// A file system in a file, for the readers of guest files.
import { readFile } from 'node:fs/promises';
import type { GuestVolume } from '../../src/check/guest/guest-files.ts';

export function volumeOfBytes(bytes: Uint8Array): GuestVolume {
  return {
    size: bytes.length,
    read: ({ offset, length }, into) => {
      into.set(bytes.subarray(offset, offset + length));
      return Promise.resolve();
    },
  };
}

export async function volumeOfFile(path: string): Promise<GuestVolume> {
  return volumeOfBytes(await readFile(path));
}

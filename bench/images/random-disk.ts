// A fixed VHD without zero pages, so that nothing can be skipped.
import { randomFillSync } from 'node:crypto';
import { open } from 'node:fs/promises';
import { buildVhd } from '../../test/support/vhd-builder.ts';
import type { Bench } from '../bench.ts';

const PIECE = 16 * 1024 ** 2;

/** `size` in bytes, a whole number of MiB. */
export function randomDisk(bench: Bench, size: number): Promise<string> {
  return bench.image(`random-${size}.vhd`, async (path) => {
    await buildVhd(path, { type: 'fixed', size });
    const file = await open(path, 'r+');
    try {
      const piece = Buffer.alloc(PIECE);
      for (let offset = 0; offset < size; offset += PIECE) {
        await file.write(randomFillSync(piece), 0, Math.min(PIECE, size - offset), offset);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

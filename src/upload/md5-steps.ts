// The MD5 of a VHD in steps: pieces in order, each followed by zeros that were not read.
import { createHash } from 'node:crypto';

export interface Md5Step {
  /** In shared memory; hashed before the zeros. */
  readonly bytes?: Uint8Array;
  /** Number of zero bytes that follow. */
  readonly zerosLength: number;
  /** Whether this is the last step, which returns the MD5. */
  readonly isLast?: boolean;
}

/** @returns the MD5 after the last step; undefined before. */
export function md5Steps(): (step: Md5Step) => Uint8Array | undefined {
  const hash = createHash('md5');
  const zeros = Buffer.alloc(1024 * 1024);
  return ({ bytes, zerosLength, isLast }) => {
    if (bytes !== undefined) hash.update(bytes);
    for (let left = zerosLength; left > 0; left -= zeros.length) {
      hash.update(zeros.subarray(0, Math.min(left, zeros.length)));
    }
    return isLast ? new Uint8Array(hash.digest()) : undefined;
  };
}

// Converts sector bitmaps to runs of sectors. A VHD counts from the highest bit of a byte, a VHDX from the lowest.

/** Consecutive sectors whose bits are the same. */
export interface SectorRun {
  readonly first: number;
  readonly count: number;
  readonly isSet: boolean;
}

/** The bytes of a bitmap that contain the bits of `count` sectors from `first` on. */
export function bitmapSlice(first: number, count: number): { offset: number; length: number } {
  const offset = Math.floor(first / 8);
  return { offset, length: Math.ceil((first + count) / 8) - offset };
}

/** Reverses the bits of each byte in place, to convert between the bit orders of VHD and VHDX. */
export function reverseBits(bytes: Uint8Array): void {
  for (const [index, byte] of bytes.entries()) {
    let reversed = 0;
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) reversed |= 0x80 >> bit;
    bytes[index] = reversed;
  }
}

/**
 * The runs of `count` sectors from `first` on. The first sector of a byte is its highest bit.
 * `bytes` begins with the byte that holds `first`, see `bitmapSlice`.
 */
export function runsOf(bytes: Uint8Array, first: number, count: number): SectorRun[] {
  const runs: SectorRun[] = [];
  const base = first - (first % 8);
  const end = first + count;
  let start = first;
  while (start < end) {
    const isSet = bitOf(bytes, start - base);
    const stop = endOfRun(bytes, start - base, end - base, isSet) + base;
    runs.push({ first: start, count: stop - start, isSet });
    start = stop;
  }
  return runs;
}

function bitOf(bytes: Uint8Array, bit: number): boolean {
  return ((bytes[bit >>> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
}

/** The first bit after `bit` that differs from `isSet`, or `end`. */
function endOfRun(bytes: Uint8Array, bit: number, end: number, isSet: boolean): number {
  const uniform = isSet ? 0xff : 0;
  let next = bit + 1;
  while (next < end) {
    if ((next & 7) === 0 && bytes[next >>> 3] === uniform) next += 8;
    else if (bitOf(bytes, next) === isSet) next++;
    else return next;
  }
  return end;
}

// The geometry (cylinders, heads, sectors) in a VHD footer (VHD specification, appendix "CHS Calculation").

export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
}

/** 65535 × 16 × 255 sectors, 127.5 GiB: the largest geometry. */
const MAX_SECTORS = 65535 * 16 * 255;

/** The geometry of a disk of `size` bytes. It covers at most `size`, usually a little less. */
export function geometryOf(size: number): Geometry {
  const sectors = Math.min(Math.floor(size / 512), MAX_SECTORS);
  const { heads, sectorsPerTrack } = tracksOf(sectors);
  return { cylinders: Math.floor(Math.floor(sectors / sectorsPerTrack) / heads), heads, sectorsPerTrack };
}

function tracksOf(sectors: number): { heads: number; sectorsPerTrack: number } {
  if (sectors >= 65535 * 16 * 63) return { heads: 16, sectorsPerTrack: 255 };
  const tracks = Math.floor(sectors / 17);
  const heads = Math.max(4, Math.floor((tracks + 1023) / 1024));
  if (heads <= 16 && tracks < heads * 1024) return { heads, sectorsPerTrack: 17 };
  if (Math.floor(sectors / 31) < 16 * 1024) return { heads: 16, sectorsPerTrack: 31 };
  return { heads: 16, sectorsPerTrack: 63 };
}

/** The bytes that a geometry addresses. */
export function capacityOf({ cylinders, heads, sectorsPerTrack }: Geometry): number {
  return cylinders * heads * sectorsPerTrack * 512;
}

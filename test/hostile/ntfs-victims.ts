// NTFS volumes, damaged in their metadata: boot sector, file records, blocks of folders, bitmap, compressed data.
import { readFileSync } from 'node:fs';
import { writeSampleFiles } from '../support/ntfs-files.ts';
import { makeNtfsVolume } from '../support/ntfs-volume.ts';
import { Picker } from './random.ts';

export interface VolumeVictim {
  readonly name: string;
  readonly bytes: Buffer;
  /** A damaged copy, until the next call. The seed alone determines how. */
  damaged(seed: number): Buffer;
}

const SIZE_MIB = 12;

const VARIANTS: readonly (readonly [name: string, mkntfs: readonly string[]])[] = [
  ['clusters of 4 KiB', ['-c', '4096']],
  ['compressed', ['-c', '4096', '-C']],
  ['clusters of 512 bytes', ['-c', '512']],
];

export function ntfsVictims(folder: string): VolumeVictim[] {
  // One for all: three would count as memory of the reader.
  const copy = Buffer.alloc(SIZE_MIB * 1024 * 1024);
  return VARIANTS.map(([name, mkntfs], index) => {
    const fill = (mountPoint: string) => writeSampleFiles(mountPoint, index + 1, 30);
    const bytes = readFileSync(makeNtfsVolume({ folder, size: SIZE_MIB, mkntfs, fill }));
    const places = metadataIn(bytes);
    return {
      name,
      bytes,
      damaged(seed) {
        bytes.copy(copy);
        return damage(copy.subarray(0, bytes.length), places, new Picker(seed));
      },
    };
  });
}

interface Place {
  readonly offset: number;
  readonly length: number;
}

function metadataIn(bytes: Buffer): Place[] {
  const places: Place[] = [{ offset: 0, length: 90 }];
  for (let offset = 0; offset < bytes.length; offset += 512) {
    const signature = bytes.toString('latin1', offset, offset + 4);
    if (signature === 'FILE') places.push({ offset, length: 1024 });
    if (signature === 'INDX' || signature === 'RSTR') places.push({ offset, length: 4096 });
  }
  return places;
}

/** Values at the limits of fields. */
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

function damage(bytes: Buffer, places: readonly Place[], pick: Picker): Buffer {
  // The first records are of the file system itself, and so are used by every step.
  const first = places.slice(0, 12);
  for (let count = pick.between(1, 5); count > 0; count--) {
    const place = pick.chance(0.4) ? pick.of(first) : pick.of(places);
    const at = place.offset + pick.below(Math.min(place.length, 512) - 8);
    const kind = pick.below(4);
    if (kind === 0) bytes[at] = pick.below(256);
    if (kind === 1) bytes.writeUIntLE(pick.of(NUMBERS), at, pick.of([4, 6]));
    if (kind === 2) bytes.writeUInt16LE(pick.of(NUMBERS) & 0xffff, at);
    // Part of another structure of the same kind: valid, but at the wrong place.
    if (kind === 3) {
      const other = pick.of(places);
      const length = pick.of([8, 16, 64, 400]);
      bytes.copy(
        bytes,
        at,
        other.offset + (at - place.offset),
        Math.min(other.offset + (at - place.offset) + length, bytes.length),
      );
    }
  }
  return bytes;
}

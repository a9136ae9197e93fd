// The kinds of checksums of btrfs: each file system has one, for its superblock, its tree blocks and the sectors of its files
// (Linux kernel, BTRFS_CSUM_TYPE_*; btrfs(5), "Checksum algorithms").
import { Checksum, type ChecksumKind } from '../../../base/checksum.ts';
import { UnreadableError } from '../opened-file-system.ts';

interface Kind {
  readonly name: ChecksumKind;
  /** Bytes of a checksum. */
  readonly length: number;
  /** Whether it is stored as a little-endian number. */
  readonly isNumber: boolean;
}

/** By their numbers in the superblock. */
const KINDS: readonly Kind[] = [
  { name: 'crc32c', length: 4, isNumber: true },
  { name: 'xxhash64', length: 8, isNumber: true },
  { name: 'sha256', length: 32, isNumber: false },
  { name: 'blake2b-256', length: 32, isNumber: false },
];

export class BtrfsChecksum {
  /** Bytes of a checksum. */
  readonly length: number;
  readonly #isNumber: boolean;
  readonly #checksum: Checksum;

  private constructor({ length, isNumber }: Kind, checksum: Checksum) {
    this.length = length;
    this.#isNumber = isNumber;
    this.#checksum = checksum;
  }

  /** @param type The number in the superblock. @throws {UnreadableError} the kind is not known. */
  static async create(type: number): Promise<BtrfsChecksum> {
    const kind = KINDS[type];
    if (kind === undefined) throw new UnreadableError(`its checksums are of the kind ${type}, which is not supported`);
    return new BtrfsChecksum(kind, await Checksum.create(kind.name));
  }

  /** The checksum as it is stored. */
  of(bytes: Uint8Array): Uint8Array {
    const checksum = this.#checksum.of(bytes);
    return this.#isNumber ? checksum.reverse() : checksum;
  }

  /** Whether `stored` begins with the checksum of `bytes`. */
  isRight(stored: Buffer, bytes: Uint8Array): boolean {
    return stored.subarray(0, this.length).equals(this.of(bytes));
  }
}

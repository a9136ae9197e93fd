// Whether the log of XFS is clean: it ends with the record that the kernel writes when it unmounts the file system.
// xfs_log_format.h, struct xlog_rec_header and xlog_op_header; the search for the head is that of the kernel, xfs_log_recover.c.
import type { XfsMetadata } from './metadata.ts';
import { offsetOfBlock, type XfsSuperblock } from './superblock.ts';

/** Basic blocks: the log counts in 512 bytes whatever the sectors of its device. */
const BASIC_BLOCK = 512;
const RECORD_MAGIC = 0xfeedbabe;
/** In bytes. A header describes the cycles of 32 KiB; longer records have more headers. */
const CYCLES_PER_HEADER = 32 * 1024;
const VERSION_2 = 2;
/** In bytes: the longest record, and its headers. */
const MAX_RECORD = 256 * 1024;
const MAX_RECORD_BLOCKS = MAX_RECORD / BASIC_BLOCK + MAX_RECORD / CYCLES_PER_HEADER;
/** In basic blocks: the kernel writes up to eight records at once, so the blocks of a torn write are within this distance. */
const MAX_IN_FLIGHT = 8 * MAX_RECORD_BLOCKS;
/** The operation that closes the log (XLOG_UNMOUNT_TRANS), written by the log itself (XFS_LOG). */
const UNMOUNT = 0x20;
const LOG_CLIENT = 0xaa;

/** The reason why the file system is not clean, or undefined. @throws {UnreadableError} and the errors of `volume.read`. */
export async function readUncleanReason(metadata: XfsMetadata): Promise<string | undefined> {
  const { logStart, features } = metadata.superblock;
  if (features.needsRepair) return 'it is marked for xfs_repair';
  if (logStart === 0) return 'its log is on another device';
  const log = new Log(metadata);
  if (log.blocks < 2) return 'its log is too small';
  const [first, last] = [await log.cycleOf(0), await log.cycleOf(log.blocks - 1)];
  if (first === 0) return 'its log is empty';
  // The head is the first block of the cycle before: the kernel overwrites the log from its beginning in each cycle.
  const head = first === last ? log.blocks : await log.firstOtherCycle(first);
  if (last > first || (await log.isTornAround(head, first)))
    return 'its log needs recovery: its last write is not complete';
  return (await log.isUnmountedAt(head)) ? undefined : 'its log needs recovery: it was not unmounted';
}

class Log {
  /** Number of basic blocks. */
  readonly blocks: number;
  readonly #metadata: XfsMetadata;
  readonly #superblock: XfsSuperblock;
  /** In bytes of the volume. */
  readonly #start: number;

  constructor(metadata: XfsMetadata) {
    this.#metadata = metadata;
    this.#superblock = metadata.superblock;
    this.#start = offsetOfBlock(this.#superblock, this.#superblock.logStart);
    this.blocks = (this.#superblock.logBlocks * this.#superblock.blockSize) / BASIC_BLOCK;
  }

  async cycleOf(block: number): Promise<number> {
    return cycleIn(await this.#read(block, 1), 0);
  }

  /** Bisects: blocks with the cycle `first` come before the others. */
  async firstOtherCycle(first: number): Promise<number> {
    let [same, other] = [0, this.blocks - 1];
    while (other - same > 1) {
      const middle = Math.floor((same + other) / 2);
      if ((await this.cycleOf(middle)) === first) same = middle;
      else other = middle;
    }
    return other;
  }

  /** Whether a block near the head has not the cycle of its side of the head: a write there is incomplete. */
  async isTornAround(head: number, first: number): Promise<boolean> {
    const before = await this.#cycles(Math.max(0, head - MAX_IN_FLIGHT), head);
    const after = await this.#cycles(head, Math.min(this.blocks, head + MAX_IN_FLIGHT));
    const wrapped = await this.#cycles(0, Math.min(head, Math.max(0, head + MAX_IN_FLIGHT - this.blocks)));
    const isOld = (cycle: number) => cycle === first - 1 || cycle === 0;
    return !(
      before.every((cycle) => cycle === first) &&
      wrapped.every((cycle) => cycle === first) &&
      after.every(isOld)
    );
  }

  /** Whether the record before `head`, which may begin at the end of the log, ends at it and is the one of an unmount. */
  async isUnmountedAt(head: number): Promise<boolean> {
    const count = Math.min(MAX_RECORD_BLOCKS, this.blocks);
    const wrapped = await this.#read(Math.min(this.blocks, this.blocks + head - count), Math.max(0, count - head));
    const direct = await this.#read(Math.max(0, head - count), Math.min(head, count));
    const bytes = Buffer.concat([wrapped, direct]);
    for (let at = bytes.length - BASIC_BLOCK; at >= 0; at -= BASIC_BLOCK) {
      if (bytes.readUInt32BE(at) === RECORD_MAGIC) return this.#isUnmount(bytes.subarray(at));
    }
    return false;
  }

  /** @param record From its header to the head. */
  #isUnmount(record: Buffer): boolean {
    const length = record.readUInt32BE(12);
    const size = record.readUInt32BE(320);
    const isLong = (record.readUInt32BE(8) & VERSION_2) !== 0 && size > CYCLES_PER_HEADER;
    const headers = isLong ? Math.ceil(size / CYCLES_PER_HEADER) : 1;
    const blocks = headers + Math.ceil(length / BASIC_BLOCK);
    if (blocks * BASIC_BLOCK !== record.length || length === 0) return false;
    if (!record.subarray(304, 320).equals(this.#superblock.uuid)) return false;
    const operation = headers * BASIC_BLOCK;
    const isClosing =
      record.readUInt8(operation + 8) === LOG_CLIENT && (record.readUInt8(operation + 9) & UNMOUNT) !== 0;
    return record.readUInt32BE(40) === 1 && isClosing;
  }

  /** The cycles of the blocks from `from` (inclusive) to `to` (exclusive). */
  async #cycles(from: number, to: number): Promise<number[]> {
    const bytes = await this.#read(from, to - from);
    return Array.from({ length: to - from }, (_, index) => cycleIn(bytes, index * BASIC_BLOCK));
  }

  async #read(block: number, count: number): Promise<Buffer> {
    const bytes = Buffer.alloc(count * BASIC_BLOCK);
    if (count > 0) await this.#metadata.fill(this.#start + block * BASIC_BLOCK, bytes);
    return bytes;
  }
}

/** Each basic block begins with its cycle; in the header of a record the magic number comes first. */
function cycleIn(bytes: Buffer, at: number): number {
  const word = bytes.readUInt32BE(at);
  return word === RECORD_MAGIC ? bytes.readUInt32BE(at + 4) : word;
}

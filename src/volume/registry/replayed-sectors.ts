// ReplayedSectors: where the current content of a sector of a hive is, if a transaction log has it.
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import { SECTOR } from './base-block.ts';
import type { RangedFile } from './ranged-file.ts';

/** A place in the file of a hive, or in a log. */
export interface Place {
  readonly file: RangedFile;
  readonly offset: number;
}

/** Consecutive bytes in a log that replace bytes of the hive. */
interface Source {
  readonly log: RangedFile;
  readonly offsetInLog: number;
  /** Counted from the start of the bins. */
  readonly offset: number;
}

/** 128 MiB: more than the logs of a hive ever have, and few enough to remember. */
const MAX_SECTORS = 262_144;

/** The contents stay in the logs, so that memory does not depend on their size. */
export class ReplayedSectors {
  readonly #sources = new Map<number, Source>();

  /** Replaces what an earlier page had there. All numbers are multiples of a sector. @throws {UnreadableError} */
  add(offset: number, length: number, log: RangedFile, offsetInLog: number): void {
    const source: Source = { log, offsetInLog, offset };
    for (let at = offset; at < offset + length; at += SECTOR) this.#sources.set(at / SECTOR, source);
    if (this.#sources.size > MAX_SECTORS) {
      throw new UnreadableError(`its transaction logs change more than ${(MAX_SECTORS * SECTOR) / 2 ** 20} MiB`);
    }
  }

  /** Where the sector at `offset` is, or undefined if no log has it. */
  locate(offset: number): Place | undefined {
    const source = this.#sources.get(offset / SECTOR);
    return source === undefined ? undefined : { file: source.log, offset: source.offsetInLog + offset - source.offset };
  }
}

// Cells: the allocation units of a hive (msuhanov/regf, "Cell").
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import type { HiveBins } from './hive-bins.ts';

/** The first bin starts with a header of 32 bytes. */
const FIRST_CELL = 32;
const ALIGNMENT = 8;
/** Each cell starts with its size. */
const HEADER = 4;

/** The content of a cell in use, without its size. */
export class Cell {
  readonly offset: number;
  /** In bytes. May be larger than the structure in it. */
  readonly length: number;
  readonly #bins: HiveBins;

  private constructor(bins: HiveBins, offset: number, length: number) {
    this.#bins = bins;
    this.offset = offset;
    this.length = length;
  }

  /** @throws {UnreadableError} there is no cell in use. */
  static async open(bins: HiveBins, offset: number): Promise<Cell> {
    if (offset < FIRST_CELL || offset % ALIGNMENT !== 0 || offset + ALIGNMENT > bins.size) {
      throw new UnreadableError(`it refers to a cell at ${offset}, where none can be`);
    }
    const size = (await bins.read(offset, HEADER)).readInt32LE();
    if (size >= 0) throw new UnreadableError(`its cell at ${offset} is not in use`);
    if (size % ALIGNMENT !== 0 || offset - size > bins.size) {
      throw new UnreadableError(`its cell at ${offset} has the size ${-size}`);
    }
    return new Cell(bins, offset, -size - HEADER);
  }

  /** @throws {UnreadableError} the cell is too small. */
  async read(at: number, length: number): Promise<Buffer> {
    if (at + length > this.length) {
      throw new UnreadableError(`its cell at ${this.offset} has ${this.length} bytes, but ${at + length} are needed`);
    }
    return await this.#bins.read(this.offset + HEADER + at, length);
  }

  /** The two letters that name the structure in the cell. @throws {UnreadableError} */
  async signature(): Promise<string> {
    return (await this.read(0, 2)).toString('latin1');
  }
}

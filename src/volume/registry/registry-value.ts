// A value of a key: its name, and its data, which is read on request (msuhanov/regf, "Key value" and "Big data").
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import { Cell } from './cell.ts';
import type { HiveBins } from './hive-bins.ts';
import { decodeName } from './name.ts';
import { decodeData, type ValueData } from './value-data.ts';

/** The most data of one value that is read, in bytes. No setting is longer, and other programs write at most 8 MB. */
export const MAX_VALUE_SIZE = 16 * 1024 * 1024;

/** Data of more bytes than this is divided into segments of this length. */
const SEGMENT = 16_344;

const IS_IN_PLACE = 0x8000_0000;
const HAS_LATIN1_NAME = 0x0001;
const HEADER = 20;

export class RegistryValue {
  /** Empty for the default value of a key. */
  readonly name: string;
  /** As the registry numbers it: 1 is REG_SZ. */
  readonly type: number;
  /** Of the data, in bytes. */
  readonly size: number;
  readonly #bins: HiveBins;
  readonly #header: Buffer;

  private constructor(bins: HiveBins, header: Buffer, name: string) {
    this.#bins = bins;
    this.#header = header;
    this.name = name;
    this.type = header.readUInt32LE(12);
    this.size = header.readUInt32LE(4) % IS_IN_PLACE;
  }

  /** @throws {UnreadableError} */
  static async open(bins: HiveBins, offset: number): Promise<RegistryValue> {
    const cell = await Cell.open(bins, offset);
    const header = await cell.read(0, HEADER);
    if (header.toString('latin1', 0, 2) !== 'vk') throw new UnreadableError(`its cell at ${offset} is no value`);
    const name = await cell.read(HEADER, header.readUInt16LE(2));
    return new RegistryValue(bins, header, decodeName(name, (header.readUInt16LE(16) & HAS_LATIN1_NAME) !== 0));
  }

  /** @throws {UnreadableError} */
  async data(): Promise<ValueData> {
    return decodeData(this.type, await this.bytes());
  }

  /** The data as stored. @throws {UnreadableError} it is damaged, or longer than `MAX_VALUE_SIZE`. */
  async bytes(): Promise<Buffer> {
    const isInPlace = this.#header.readUInt32LE(4) >= IS_IN_PLACE;
    if (this.size > (isInPlace ? 4 : MAX_VALUE_SIZE)) throw new UnreadableError(`a value has ${this.size} bytes`);
    if (isInPlace) return this.#header.subarray(8, 8 + this.size);
    if (this.size === 0) return Buffer.alloc(0);
    const cell = await Cell.open(this.#bins, this.#header.readUInt32LE(8));
    // Hives before version 1.4, and other programs than Windows, keep long data in one cell.
    if (this.size <= SEGMENT || this.size <= cell.length) return await cell.read(0, this.size);
    return await this.#readSegments(cell);
  }

  async #readSegments(cell: Cell): Promise<Buffer> {
    const header = await cell.read(0, 8);
    const count = header.readUInt16LE(2);
    if (header.toString('latin1', 0, 2) !== 'db' || count !== Math.ceil(this.size / SEGMENT)) {
      throw new UnreadableError(`its cell at ${cell.offset} does not hold the ${this.size} bytes of a value`);
    }
    const list = await (await Cell.open(this.#bins, header.readUInt32LE(4))).read(0, count * 4);
    const segments: Buffer[] = [];
    for (let left = this.size; left > 0; left -= SEGMENT) {
      const segment = await Cell.open(this.#bins, list.readUInt32LE(segments.length * 4));
      segments.push(await segment.read(0, Math.min(left, SEGMENT)));
    }
    return Buffer.concat(segments);
  }
}

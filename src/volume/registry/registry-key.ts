// A key: its name, its subkeys and its values, which are read on request (msuhanov/regf, "Key node").
import { UnreadableError } from '../file-systems/opened-file-system.ts';
import { Cell } from './cell.ts';
import type { HiveBins } from './hive-bins.ts';
import { decodeName, nameHash, upperCase } from './name.ts';
import { RegistryValue } from './registry-value.ts';
import { readSubkeyList } from './subkey-list.ts';

/** The most values that one key may have here. */
const MAX_VALUES = 100_000;

const HAS_LATIN1_NAME = 0x0020;
/** The number of values is a handle instead: the key has none in the file. */
const IS_PREDEFINED_HANDLE = 0x0040;
const HEADER = 76;

export class RegistryKey {
  readonly name: string;
  readonly #bins: HiveBins;
  readonly #offset: number;
  readonly #header: Buffer;

  private constructor(bins: HiveBins, offset: number, header: Buffer, name: string) {
    this.#bins = bins;
    this.#offset = offset;
    this.#header = header;
    this.name = name;
  }

  /** @throws {UnreadableError} */
  static async open(bins: HiveBins, offset: number): Promise<RegistryKey> {
    const cell = await Cell.open(bins, offset);
    const header = await cell.read(0, HEADER);
    if (header.toString('latin1', 0, 2) !== 'nk') throw new UnreadableError(`its cell at ${offset} is no key`);
    const name = await cell.read(HEADER, header.readUInt16LE(72));
    return new RegistryKey(bins, offset, header, decodeName(name, (header.readUInt16LE(2) & HAS_LATIN1_NAME) !== 0));
  }

  /** In the order of the hive. @throws {UnreadableError} */
  async subkeys(): Promise<readonly RegistryKey[]> {
    const keys: RegistryKey[] = [];
    for (const { offset } of await this.#subkeyList()) keys.push(await this.#openSubkey(offset));
    return keys;
  }

  /** Undefined if there is none of that name, compared without case. @throws {UnreadableError} */
  async subkey(name: string): Promise<RegistryKey | undefined> {
    const wanted = upperCase(name);
    const wantedHash = nameHash(wanted);
    for (const { offset, hash } of await this.#subkeyList()) {
      if (hash !== undefined && hash !== wantedHash) continue;
      const key = await this.#openSubkey(offset);
      if (upperCase(key.name) === wanted) return key;
    }
    return undefined;
  }

  /** In the order of the hive. @throws {UnreadableError} */
  async values(): Promise<readonly RegistryValue[]> {
    const count = this.#valueCount();
    if (count === 0) return [];
    if (count > MAX_VALUES) throw new UnreadableError(`a key has ${count} values, more than ${MAX_VALUES}`);
    const list = await (await Cell.open(this.#bins, this.#header.readUInt32LE(40))).read(0, count * 4);
    const values: RegistryValue[] = [];
    for (let at = 0; at < list.length; at += 4)
      values.push(await RegistryValue.open(this.#bins, list.readUInt32LE(at)));
    return values;
  }

  /** Undefined if there is none of that name, compared without case; `''` is the default value. @throws {UnreadableError} */
  async value(name: string): Promise<RegistryValue | undefined> {
    const wanted = upperCase(name);
    return (await this.values()).find((value) => upperCase(value.name) === wanted);
  }

  #valueCount(): number {
    return (this.#header.readUInt16LE(2) & IS_PREDEFINED_HANDLE) === 0 ? this.#header.readUInt32LE(36) : 0;
  }

  #subkeyList() {
    return readSubkeyList(this.#bins, this.#header.readUInt32LE(28), this.#header.readUInt32LE(20));
  }

  /** A key with another parent belongs elsewhere: this also ends most loops. */
  async #openSubkey(offset: number): Promise<RegistryKey> {
    const key = await RegistryKey.open(this.#bins, offset);
    const parent = key.#header.readUInt32LE(16);
    if (parent === this.#offset) return key;
    throw new UnreadableError(
      `its key at ${offset} has the parent ${parent}, but is listed by the key at ${this.#offset}`,
    );
  }
}

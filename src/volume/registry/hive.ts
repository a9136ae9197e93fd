// Hive: the keys and values of one file of the Windows registry, read only.
import { type OpenedFileSystem, UnreadableError } from '../file-systems/opened-file-system.ts';
import { HiveBins } from './hive-bins.ts';
import { type RangedFile, rangedFile } from './ranged-file.ts';
import { RegistryKey } from './registry-key.ts';
import { replayLogs } from './replay.ts';
import type { ValueData } from './value-data.ts';

/** Windows allows 512 levels. */
const MAX_DEPTH = 512;

export class Hive {
  readonly root: RegistryKey;
  /** Whether Windows did not close it, so that its logs were applied. */
  readonly wasDirty: boolean;

  private constructor(root: RegistryKey, wasDirty: boolean) {
    this.root = root;
    this.wasDirty = wasDirty;
  }

  /**
   * @param logs - .LOG, .LOG1 and .LOG2, in this order, as far as they exist. They are applied in memory if the hive was not closed.
   * @throws {UnreadableError} the file is not a hive, is damaged, or was not closed and no log can be applied.
   */
  static async open(file: RangedFile, logs: readonly RangedFile[]): Promise<Hive> {
    const { root, binsSize, sectors, wasDirty } = await replayLogs(file, logs);
    const bins = new HiveBins(file, binsSize, sectors);
    if ((await bins.read(0, 4)).toString('latin1') !== 'hbin') throw new UnreadableError('its first bin is damaged');
    return new Hive(await RegistryKey.open(bins, root), wasDirty);
  }

  /**
   * The key at `path`, with a backslash between names, compared without case; the root for an empty path.
   * @returns undefined if there is none.
   * @throws {UnreadableError} a part of the hive on the way is damaged.
   */
  async key(path: string): Promise<RegistryKey | undefined> {
    const names = path === '' ? [] : path.split('\\');
    if (names.length > MAX_DEPTH) throw new RangeError(`A path has ${names.length} names, more than ${MAX_DEPTH}.`);
    let key: RegistryKey | undefined = this.root;
    for (const name of names) key = await key?.subkey(name);
    return key;
  }

  /** Undefined if there is no such key or value. @throws {UnreadableError} */
  async value(path: string, name: string): Promise<ValueData | undefined> {
    return await (await (await this.key(path))?.value(name))?.data();
  }

  /** Undefined if there is no such value, or if it is no integer. @throws {UnreadableError} */
  async integer(path: string, name: string): Promise<number | undefined> {
    const data = await this.value(path, name);
    return data?.kind === 'integer' ? Number(data.integer) : undefined;
  }

  /** Undefined if there is no such value, or if it is not text. @throws {UnreadableError} */
  async text(path: string, name: string): Promise<string | undefined> {
    const data = await this.value(path, name);
    return data?.kind === 'text' ? data.text : undefined;
  }
}

/**
 * The hive in the file at `path`, with its logs.
 * @returns undefined if there is no such file.
 * @throws {UnreadableError}
 */
export async function openHiveAt(files: OpenedFileSystem, path: string): Promise<Hive | undefined> {
  const file = await rangedFile(files, path);
  if (file === undefined) return undefined;
  const logs: RangedFile[] = [];
  for (const suffix of ['.LOG', '.LOG1', '.LOG2']) {
    const log = await rangedFile(files, path + suffix);
    if (log !== undefined) logs.push(log);
  }
  try {
    return await Hive.open(file, logs);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    throw new UnreadableError(`${path}: ${error.message}`);
  }
}

// WindowsSystem: the settings and files of a Windows installation.
import { BootConfiguration } from '../../volume/boot-configuration/boot-configuration.ts';
import { type OpenedFileSystem, UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import type { Partition } from '../../volume/partition-table.ts';
import { type Hive, openHiveAt } from '../../volume/registry/hive.ts';
import type { RegistryKey } from '../../volume/registry/registry-key.ts';
import type { ValueData } from '../../volume/registry/value-data.ts';
import { type WindowsVersion, windowsVersionIn } from '../../volume/windows-version.ts';
import type { WindowsBoot } from './windows-boot.ts';

export interface WindowsParts {
  readonly system: Hive;
  readonly software: Hive;
  /** The volume with the folder Windows. */
  readonly files: OpenedFileSystem;
  /** The partition of that volume. Absent for a disk without a partition table. */
  readonly partition?: Partition | undefined;
  readonly boot: WindowsBoot;
}

/** Where a setting is: below the current control set of the SYSTEM hive, elsewhere in it, or in the SOFTWARE hive. */
export type Branch = 'system' | 'setup' | 'software';

/** Start types of services and drivers. */
export const START = { boot: 0, system: 1, automatic: 2, manual: 3, disabled: 4 } as const;

/** Of all values of a key, in bytes. The hundreds of firewall rules of a real machine have 200 KiB. */
const MAX_SETTINGS_SIZE = 16 * 1024 * 1024;

const CONFIG = '/Windows/System32/config';
const SETUP_STATE = 'Microsoft\\Windows\\CurrentVersion\\Setup\\State';

export class WindowsSystem {
  readonly #parts: WindowsParts;
  #controlSet: Promise<string> | undefined;

  constructor(parts: WindowsParts) {
    this.#parts = parts;
  }

  /**
   * The Windows on the volume `files`; undefined if there is none.
   * @throws {UnreadableError} a hive cannot be read.
   */
  static async open(
    files: OpenedFileSystem,
    { boot, partition }: Pick<WindowsParts, 'boot' | 'partition'>,
  ): Promise<WindowsSystem | undefined> {
    const system = await openHiveAt(files, `${CONFIG}/SYSTEM`);
    const software = await openHiveAt(files, `${CONFIG}/SOFTWARE`);
    return system === undefined || software === undefined
      ? undefined
      : new WindowsSystem({ system, software, files, boot, partition });
  }

  get boot(): WindowsBoot {
    return this.#parts.boot;
  }

  /** Undefined if its disk has no partition table. */
  get partition(): Partition | undefined {
    return this.#parts.partition;
  }

  get files(): OpenedFileSystem {
    return this.#parts.files;
  }

  /** Names of the hives that Windows did not close. */
  get dirtyHives(): readonly string[] {
    const { system, software, boot } = this.#parts;
    const bcd = boot.isRead && boot.bcd instanceof BootConfiguration ? [['BCD', boot.bcd] as const] : [];
    const hives = [['SYSTEM', system] as const, ['SOFTWARE', software] as const, ...bcd];
    return hives.filter(([, { wasDirty }]) => wasDirty).map(([name]) => name);
  }

  /** Undefined if it is not set. @throws {UnreadableError} */
  async value(branch: Branch, key: string, name: string): Promise<ValueData | undefined> {
    return await this.#read(branch, key, async (found) => await (await found?.value(name))?.data());
  }

  /** Undefined if it is not set, or no integer. @throws {UnreadableError} */
  async integer(branch: Branch, key: string, name: string): Promise<number | undefined> {
    const data = await this.value(branch, key, name);
    return data?.kind === 'integer' ? Number(data.integer) : undefined;
  }

  /** Undefined if it is not set, or no text. @throws {UnreadableError} */
  async text(branch: Branch, key: string, name: string): Promise<string | undefined> {
    const data = await this.value(branch, key, name);
    return data?.kind === 'text' ? data.text : undefined;
  }

  /** Names of the subkeys; undefined if there is no such key. @throws {UnreadableError} */
  async subkeys(branch: Branch, key: string): Promise<readonly string[] | undefined> {
    return await this.#read(branch, key, async (found) => (await found?.subkeys())?.map(({ name }) => name));
  }

  /** Values of a key; empty if there is no such key. @throws {UnreadableError} also if they are too long for settings. */
  async values(branch: Branch, key: string): Promise<readonly (readonly [name: string, data: ValueData])[]> {
    return await this.#read(branch, key, async (found) => {
      const values: [string, ValueData][] = [];
      let size = 0;
      for (const value of (await found?.values()) ?? []) {
        size += value.size;
        if (size > MAX_SETTINGS_SIZE) throw new UnreadableError(`the values of its key ${key} are too long`);
        values.push([value.name, await value.data()]);
      }
      return values;
    });
  }

  /** Whether there is a key. @throws {UnreadableError} */
  async has(branch: Branch, key: string): Promise<boolean> {
    return await this.#read(branch, key, (found) => Promise.resolve(found !== undefined));
  }

  /** Whether there is a file or a folder. Names are separated by slashes. @throws {UnreadableError} */
  async exists(path: string): Promise<boolean> {
    return (await this.#parts.files.stat(path)) !== undefined;
  }

  /** The start type of a service or driver, one of `START`; undefined if it is not installed. @throws {UnreadableError} */
  async startOf(service: string): Promise<number | undefined> {
    return await this.integer('system', `Services\\${service}`, 'Start');
  }

  /** @throws {UnreadableError} the version cannot be read, or is not set. */
  async version(): Promise<WindowsVersion> {
    const version = await windowsVersionIn(this.#parts.software);
    if (version === undefined) throw new UnreadableError('the SOFTWARE hive has no build number');
    return version;
  }

  /** "IMAGE_STATE_COMPLETE": the state of setup. @throws {UnreadableError} */
  async imageState(): Promise<string | undefined> {
    return await this.text('software', SETUP_STATE, 'ImageState');
  }

  /** Whether Sysprep has generalized it. @throws {UnreadableError} */
  async isGeneralized(): Promise<boolean> {
    return (await this.imageState()) === 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE';
  }

  /** Reads from the key, if there is one. An error names the hive. */
  async #read<T>(branch: Branch, key: string, work: (found: RegistryKey | undefined) => Promise<T>): Promise<T> {
    try {
      if (branch === 'software') return await work(await this.#parts.software.key(key));
      const path = branch === 'setup' ? key : `${await this.#currentControlSet()}\\${key}`;
      return await work(await this.#parts.system.key(path));
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      throw new UnreadableError(`the ${branch === 'software' ? 'SOFTWARE' : 'SYSTEM'} hive: ${error.message}`);
    }
  }

  #currentControlSet(): Promise<string> {
    this.#controlSet ??= this.#readControlSet();
    return this.#controlSet;
  }

  async #readControlSet(): Promise<string> {
    const current = await this.#parts.system.integer('Select', 'Current');
    const name = `ControlSet${String(current).padStart(3, '0')}`;
    if (current === undefined || (await this.#parts.system.key(name)) === undefined) {
      throw new UnreadableError('it has no current control set');
    }
    return name;
  }
}

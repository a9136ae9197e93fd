// WindowsSystem: the settings and files of a Windows installation.
import type { BootConfiguration } from '../../volume/boot-configuration/boot-configuration.ts';
import { type OpenedFileSystem, UnreadableError } from '../../volume/file-systems/opened-file-system.ts';
import { type Hive, openHiveAt } from '../../volume/registry/hive.ts';
import type { ValueData } from '../../volume/registry/value-data.ts';
import { type WindowsVersion, windowsVersionIn } from '../../volume/windows-version.ts';

export interface WindowsParts {
  readonly system: Hive;
  readonly software: Hive;
  /** Absent if no boot configuration was found. */
  readonly bcd?: BootConfiguration | undefined;
  /** The volume with the folder Windows. */
  readonly files: OpenedFileSystem;
}

/** Where a setting is: below the current control set of the SYSTEM hive, or in the SOFTWARE hive. */
export type Branch = 'system' | 'software';

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
  static async open(files: OpenedFileSystem, bcd?: BootConfiguration): Promise<WindowsSystem | undefined> {
    const system = await openHiveAt(files, `${CONFIG}/SYSTEM`);
    const software = await openHiveAt(files, `${CONFIG}/SOFTWARE`);
    return system === undefined || software === undefined
      ? undefined
      : new WindowsSystem({ system, software, bcd, files });
  }

  get bcd(): BootConfiguration | undefined {
    return this.#parts.bcd;
  }

  get files(): OpenedFileSystem {
    return this.#parts.files;
  }

  /** The whole SYSTEM hive, for what is not in a control set. */
  get system(): Hive {
    return this.#parts.system;
  }

  /** Undefined if it is not set. @throws {UnreadableError} */
  async value(branch: Branch, key: string, name: string): Promise<ValueData | undefined> {
    return branch === 'software'
      ? await this.#parts.software.value(key, name)
      : await this.#parts.system.value(`${await this.#currentControlSet()}\\${key}`, name);
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
    return (await (await this.#key(branch, key))?.subkeys())?.map(({ name }) => name);
  }

  /** Values of a key; empty if there is no such key. @throws {UnreadableError} */
  async values(branch: Branch, key: string): Promise<readonly (readonly [name: string, data: ValueData])[]> {
    const values: [string, ValueData][] = [];
    for (const value of (await (await this.#key(branch, key))?.values()) ?? []) {
      values.push([value.name, await value.data()]);
    }
    return values;
  }

  async has(branch: Branch, key: string): Promise<boolean> {
    return (await this.#key(branch, key)) !== undefined;
  }

  /** Whether there is a file or a folder. Names are separated by slashes. @throws {UnreadableError} */
  async exists(path: string): Promise<boolean> {
    return (await this.#parts.files.stat(path)) !== undefined;
  }

  /** The start type of a service: 0 boot, 1 system, 2 automatic, 3 manual, 4 disabled. @throws {UnreadableError} */
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

  async #key(branch: Branch, key: string) {
    return branch === 'software'
      ? await this.#parts.software.key(key)
      : await this.#parts.system.key(`${await this.#currentControlSet()}\\${key}`);
  }

  #currentControlSet(): Promise<string> {
    this.#controlSet ??= this.#readControlSet();
    return this.#controlSet;
  }

  async #readControlSet(): Promise<string> {
    const current = await this.#parts.system.integer('Select', 'Current');
    const name = `ControlSet${String(current).padStart(3, '0')}`;
    if (current === undefined || (await this.#parts.system.key(name)) === undefined) {
      throw new UnreadableError('the SYSTEM hive has no current control set');
    }
    return name;
  }
}

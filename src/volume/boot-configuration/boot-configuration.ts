// BootConfiguration: the boot entries of Windows, which are objects with elements in a registry hive (Microsoft, "BCD reference").
import { type OpenedFileSystem, UnreadableError } from '../file-systems/opened-file-system.ts';
import { type Hive, openHiveAt } from '../registry/hive.ts';
import type { ValueData } from '../registry/value-data.ts';
import { type BootDevice, decodeBootDevice } from './boot-device.ts';

/** Well-known objects. */
export const BOOT_OBJECT = {
  bootManager: '{9dea862c-5cdd-4e70-acc1-f32b344d4795}',
  emsSettings: '{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}',
} as const;

/** Elements, as the keys of the hive name them, with the names that bcdedit uses. */
export const BOOT_ELEMENT = {
  /** Where the application itself is. */
  device: '11000001',
  path: '12000002',
  description: '12000004',
  inherit: '14000006',
  emsPort: '15000022',
  emsBaudRate: '15000023',
  recoveryEnabled: '16000009',
  bootEms: '16000020',
  noIntegrityChecks: '16000048',
  testSigning: '16000049',
  osDevice: '21000001',
  systemRoot: '22000002',
  default: '23000003',
  displayOrder: '24000001',
  timeout: '25000004',
  safeBoot: '25000080',
  bootStatusPolicy: '250000e0',
  displayBootMenu: '26000020',
  debug: '260000a0',
  ems: '260000b0',
} as const;

/** Objects that one object inherits from at most, directly or not. */
const MAX_INHERITED = 32;

export class BootConfiguration {
  readonly #hive: Hive;

  constructor(hive: Hive) {
    this.#hive = hive;
  }

  /** Whether Windows did not close it, so that its logs were applied. */
  get wasDirty(): boolean {
    return this.#hive.wasDirty;
  }

  /** The object that starts without a choice; undefined if there is none. @throws {UnreadableError} */
  async defaultObject(): Promise<string | undefined> {
    const chosen = await this.text(BOOT_OBJECT.bootManager, BOOT_ELEMENT.default);
    return chosen ?? (await this.#list(BOOT_OBJECT.bootManager, BOOT_ELEMENT.displayOrder)).at(0);
  }

  /** Whether there is such an object. @throws {UnreadableError} */
  async has(object: string): Promise<boolean> {
    return (await this.#hive.key(`Objects\\${object}`)) !== undefined;
  }

  /** Text, or the id of an object. @throws {UnreadableError} */
  async text(object: string, element: string): Promise<string | undefined> {
    const data = await this.#element(object, element);
    if (data === undefined || data.kind === 'text') return data?.text;
    throw wrongKind(object, element, 'text');
  }

  /** @throws {UnreadableError} */
  async boolean(object: string, element: string): Promise<boolean | undefined> {
    const data = await this.#element(object, element);
    if (data === undefined) return undefined;
    if (data.kind === 'bytes' && data.bytes.length >= 1) return data.bytes.readUInt8() !== 0;
    throw wrongKind(object, element, 'boolean');
  }

  /** @throws {UnreadableError} */
  async integer(object: string, element: string): Promise<bigint | undefined> {
    const data = await this.#element(object, element);
    if (data === undefined) return undefined;
    if (data.kind === 'bytes' && data.bytes.length === 8) return data.bytes.readBigUInt64LE();
    throw wrongKind(object, element, 'integer');
  }

  /** @throws {UnreadableError} */
  async device(object: string, element: string): Promise<BootDevice | undefined> {
    const data = await this.#element(object, element);
    if (data === undefined) return undefined;
    if (data.kind === 'bytes') return decodeBootDevice(data.bytes);
    throw wrongKind(object, element, 'device');
  }

  async #list(object: string, element: string): Promise<readonly string[]> {
    const data = await this.#own(object, element);
    if (data === undefined || data.kind === 'texts') return data?.texts ?? [];
    throw wrongKind(object, element, 'list');
  }

  /** Of the object, or of the nearest one that it inherits from. */
  async #element(object: string, element: string): Promise<ValueData | undefined> {
    const objects = new Set([object.toLowerCase()]);
    // Objects that are added during the loop are visited too.
    for (const one of objects) {
      const data = await this.#own(one, element);
      if (data !== undefined) return data;
      for (const inherited of await this.#list(one, BOOT_ELEMENT.inherit)) objects.add(inherited.toLowerCase());
      if (objects.size > MAX_INHERITED) throw new UnreadableError(`its object ${object} inherits from too many others`);
    }
    return undefined;
  }

  async #own(object: string, element: string): Promise<ValueData | undefined> {
    return await this.#hive.value(`Objects\\${object}\\Elements\\${element}`, 'Element');
  }
}

function wrongKind(object: string, element: string, wanted: string): UnreadableError {
  return new UnreadableError(`the element ${element} of its object ${object} is no ${wanted}`);
}

/** Where it is: on the EFI system partition, and on the active partition of an MBR. */
export const BOOT_CONFIGURATION = { efi: '/EFI/Microsoft/Boot/BCD', bios: '/Boot/BCD' } as const;

/** The boot configuration in the file at `path`; undefined if there is no such file. @throws {UnreadableError} */
export async function openBootConfigurationAt(
  files: OpenedFileSystem,
  path: string,
): Promise<BootConfiguration | undefined> {
  const hive = await openHiveAt(files, path);
  return hive === undefined ? undefined : new BootConfiguration(hive);
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  BOOT_CONFIGURATION,
  BOOT_ELEMENT,
  BOOT_OBJECT,
  BootConfiguration,
  openBootConfigurationAt,
} from '../../../src/volume/boot-configuration/boot-configuration.ts';
import { Hive } from '../../../src/volume/registry/hive.ts';
import {
  type BuiltObject,
  buildBootConfiguration,
  deviceOf,
  gptDevice,
  mbrDevice,
} from '../../support/boot-configuration-builder.ts';
import { memoryFile } from '../../support/hive-builder.ts';
import { filesFrom } from '../../support/memory-files.ts';
import { NO_SHARED_GUESTS, sharedGuests } from '../../support/shared-guests.ts';

const LOADER = '{733b62e5-f608-11eb-825c-c112f60133ab}';
const OTHER = '{733b62e6-f608-11eb-825c-c112f60133ab}';
const PARTITION = '8e0f2c38-e4ea-47ba-b7fc-9d8c74dccf0b';
const DISK = '0b2394a9-095e-487d-8d48-719ecd4d78ca';

async function open(objects: Readonly<Record<string, BuiltObject>>): Promise<BootConfiguration> {
  return new BootConfiguration(await Hive.open(memoryFile(buildBootConfiguration(objects)), []));
}

describe('a boot configuration', () => {
  it('names the default object, or the first in the order of display', async () => {
    const order = { [BOOT_ELEMENT.displayOrder]: [OTHER, LOADER] };
    const both = { ...order, [BOOT_ELEMENT.default]: LOADER };
    expect(await (await open({ [BOOT_OBJECT.bootManager]: both })).defaultObject()).toBe(LOADER);
    expect(await (await open({ [BOOT_OBJECT.bootManager]: order })).defaultObject()).toBe(OTHER);
    expect(await (await open({ [BOOT_OBJECT.bootManager]: {} })).defaultObject()).toBeUndefined();
    expect(await (await open({})).defaultObject()).toBeUndefined();
  });

  it('reads elements by their type, whatever the case of the ids', async () => {
    const elements = { [BOOT_ELEMENT.path]: '\\Windows', [BOOT_ELEMENT.ems]: true, [BOOT_ELEMENT.timeout]: 2n ** 40n };
    const bcd = await open({ [LOADER]: elements });
    expect(await bcd.text(LOADER.toUpperCase(), BOOT_ELEMENT.path)).toBe('\\Windows');
    expect(await bcd.boolean(LOADER, '260000B0')).toBe(true);
    expect(await bcd.integer(LOADER, BOOT_ELEMENT.timeout)).toBe(2n ** 40n);
    expect(await bcd.boolean(LOADER, BOOT_ELEMENT.debug)).toBeUndefined();
    expect(await bcd.device(OTHER, BOOT_ELEMENT.device)).toBeUndefined();
    await expect(bcd.integer(LOADER, BOOT_ELEMENT.ems)).rejects.toThrow(
      `the element 260000b0 of its object ${LOADER} is no integer`,
    );
    await expect(bcd.text(LOADER, BOOT_ELEMENT.ems)).rejects.toThrow('is no text');
    await expect(bcd.device(LOADER, BOOT_ELEMENT.path)).rejects.toThrow('is no device');
    await expect(bcd.device(LOADER, BOOT_ELEMENT.ems)).rejects.toThrow('a device has 1 bytes, but 32 are needed');
    await expect(bcd.boolean(LOADER, BOOT_ELEMENT.path)).rejects.toThrow('is no boolean');
  });

  it.each([
    ['gpt', gptDevice(PARTITION, DISK), { kind: 'gpt', partitionId: PARTITION, diskId: DISK }],
    ['mbr', mbrDevice(1_048_576n, 0xab12), { kind: 'mbr', offset: 1_048_576n, diskId: '0000ab12' }],
    ['boot', deviceOf(5), { kind: 'boot' }],
    ['locate', deviceOf(8), { kind: 'locate' }],
    ['RAM disk', deviceOf(3), { kind: 'other', type: 3 }],
    ['virtual disk', Buffer.from(deviceOf(6).fill(6, 48, 49)), { kind: 'other', type: 6 }],
  ])('decodes a device: %s', async (_, device, expected) => {
    const bcd = await open({ [LOADER]: { [BOOT_ELEMENT.osDevice]: device } });
    expect(await bcd.device(LOADER, BOOT_ELEMENT.osDevice)).toEqual(expected);
  });

  it('inherits elements, the nearest first, also in a circle', async () => {
    const [a, b, c] = ['{a}', '{b}', '{c}'];
    const bcd = await open({
      [LOADER]: { [BOOT_ELEMENT.inherit]: [a, b] },
      [a]: { [BOOT_ELEMENT.inherit]: [c], [BOOT_ELEMENT.testSigning]: false },
      [b]: {
        [BOOT_ELEMENT.inherit]: [LOADER.toUpperCase()],
        [BOOT_ELEMENT.testSigning]: true,
        [BOOT_ELEMENT.ems]: true,
      },
      [c]: { [BOOT_ELEMENT.ems]: false, [BOOT_ELEMENT.debug]: true },
    });
    expect(await bcd.boolean(LOADER, BOOT_ELEMENT.testSigning)).toBe(false);
    expect(await bcd.boolean(LOADER, BOOT_ELEMENT.ems)).toBe(true);
    expect(await bcd.boolean(LOADER, BOOT_ELEMENT.debug)).toBe(true);
    expect(await bcd.boolean(LOADER, BOOT_ELEMENT.bootEms)).toBeUndefined();
    const many = Array.from({ length: 40 }, (_, index) => `{${index}}`);
    const wide = await open({ [LOADER]: { [BOOT_ELEMENT.inherit]: many } });
    await expect(wide.boolean(LOADER, BOOT_ELEMENT.ems)).rejects.toThrow('inherits from too many others');
  });
});

describe('the boot configuration of a volume', () => {
  it('is found in the folder of the firmware', async () => {
    const objects = { [BOOT_OBJECT.bootManager]: { [BOOT_ELEMENT.default]: LOADER } };
    for (const path of Object.values(BOOT_CONFIGURATION)) {
      const bcd = await openBootConfigurationAt(filesFrom({ [path]: buildBootConfiguration(objects) }), path);
      expect(await bcd?.defaultObject()).toBe(LOADER);
    }
    expect(await openBootConfigurationAt(filesFrom({}), BOOT_CONFIGURATION.efi)).toBeUndefined();
    const damaged = filesFrom({ '/Boot/BCD': Buffer.alloc(8192) });
    await expect(openBootConfigurationAt(damaged, BOOT_CONFIGURATION.bios)).rejects.toThrow(
      '/Boot/BCD: its base block is damaged',
    );
  });
});

describe.skipIf(sharedGuests === undefined)(
  `the boot configuration of a Windows 10${sharedGuests === undefined ? ` (skipped: ${NO_SHARED_GUESTS})` : ''}`,
  () => {
    it('is read', async () => {
      const bytes = readFileSync(join(sharedGuests ?? '', 'regipy/BCD'));
      const bcd = new BootConfiguration(await Hive.open(memoryFile(bytes), []));
      const loader = (await bcd.defaultObject()) ?? '';
      expect(loader).toBe(LOADER);
      expect(await bcd.text(loader, BOOT_ELEMENT.description)).toBe('Windows 10');
      expect(await bcd.text(loader, BOOT_ELEMENT.path)).toBe('\\Windows\\system32\\winload.efi');
      expect(await bcd.text(loader, BOOT_ELEMENT.systemRoot)).toBe('\\Windows');
      expect(await bcd.device(loader, BOOT_ELEMENT.osDevice)).toEqual({
        kind: 'gpt',
        partitionId: PARTITION,
        diskId: DISK,
      });
      expect(await bcd.boolean(loader, BOOT_ELEMENT.recoveryEnabled)).toBe(true);
      expect(await bcd.integer(BOOT_OBJECT.bootManager, BOOT_ELEMENT.timeout)).toBe(30n);
      // From {emssettings}, by way of two other objects.
      expect(await bcd.boolean(loader, BOOT_ELEMENT.bootEms)).toBe(false);
      expect(await bcd.device(OTHER, BOOT_ELEMENT.device)).toEqual({ kind: 'other', type: 0 });
    });
  },
);

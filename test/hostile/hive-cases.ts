// Small hives, their logs and boot configurations, damaged in many ways and read completely.
import { BOOT_ELEMENT, BootConfiguration } from '../../src/volume/boot-configuration/boot-configuration.ts';
import { UnreadableError } from '../../src/volume/file-systems/opened-file-system.ts';
import { Hive } from '../../src/volume/registry/hive.ts';
import { Marvin32 } from '../../src/volume/registry/marvin32.ts';
import type { RegistryKey } from '../../src/volume/registry/registry-key.ts';
import { buildBootConfiguration, deviceOf, gptDevice } from '../support/boot-configuration-builder.ts';
import {
  type BuiltKey,
  binary,
  buildHive,
  dword,
  memoryFile,
  multiSz,
  newLog,
  oldLog,
  sz,
  withChecksum,
} from '../support/hive-builder.ts';
import { Picker } from './random.ts';

/** The hive and its logs. */
type Files = readonly [hive: Buffer, ...logs: Buffer[]];

const many = (count: number): Record<string, BuiltKey> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key ${index}`, { values: { V: dword(index) } }]));

const content = (count: number): BuiltKey => ({
  keys: { ...many(20), Ключ: { keys: many(3), values: { list: multiSz('a', 'b'), text: sz('text') } } },
  values: { large: binary(Buffer.alloc(40_000, count)), count: dword(count), '': sz('default') },
});

const state = (count: number, sequences: readonly [number, number] = [1, 1]) =>
  buildHive(content(count), { sequences });
const steps = [0, 1, 2, 3].map((count) => state(count));
const [first = Buffer.alloc(0), second = first] = steps;

const GUID = '8e0f2c38-e4ea-47ba-b7fc-9d8c74dccf0b';
const LOADER = '{733b62e5-f608-11eb-825c-c112f60133ab}';
const BOOT = buildBootConfiguration({
  '{9dea862c-5cdd-4e70-acc1-f32b344d4795}': { [BOOT_ELEMENT.default]: LOADER, [BOOT_ELEMENT.timeout]: 5n },
  [LOADER]: {
    [BOOT_ELEMENT.device]: gptDevice(GUID, GUID),
    [BOOT_ELEMENT.osDevice]: deviceOf(8),
    [BOOT_ELEMENT.path]: '\\Windows',
    [BOOT_ELEMENT.inherit]: ['{a}'],
  },
  '{a}': { [BOOT_ELEMENT.inherit]: [LOADER], [BOOT_ELEMENT.ems]: true },
});

const VICTIMS: Readonly<Record<string, Files>> = {
  lh: [first],
  ri: [buildHive(content(1), { list: 'ri' })],
  li: [buildHive(content(1), { list: 'li', minorVersion: 3 })],
  'boot configuration': [BOOT],
  'new logs': [state(0, [3, 2]), newLog(steps.slice(0, 3), 2), newLog(steps.slice(2), 4)],
  'old log': [state(0, [3, 2]), oldLog(first, second)],
};

/** Keys read at most: a damaged hive can have loops. */
const MAX_KEYS = 2000;
/** Reads of the files for one hive at most. */
const MAX_READS = 20_000;

export interface HiveOutcome {
  readonly victim: string;
  readonly outcome: string;
}

/** Damages a hive in a way that depends on `seed`, and reads all of it. Throws if that ends with anything but a reason. */
export async function attackHive(seed: number): Promise<HiveOutcome> {
  const picker = new Picker(seed);
  const victim = picker.of(Object.keys(VICTIMS));
  const files: Buffer[] = (VICTIMS[victim] ?? [first]).map((file) => Buffer.from(file));
  for (let count = picker.between(1, 4); count > 0; count--) {
    const index = picker.below(files.length);
    files[index] = damaged(files[index] ?? first, picker);
  }
  // Otherwise most damage would end at a checksum.
  if (picker.chance(0.8)) for (const file of files) sealed(file);
  const [hive = memoryFile(first), ...logs] = files.map(memoryFile);
  const outcome = await readAll(await Hive.open(hive, logs).catch(reasonOf));
  const reads = logs.reduce((sum, file) => sum + file.reads, hive.reads);
  if (reads > MAX_READS) throw new Error(`${reads} reads`);
  return { victim, outcome };
}

async function readAll(hive: Hive | string): Promise<string> {
  if (typeof hive === 'string') return `refused: ${hive}`;
  const problems = new Set<string>();
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      problems.add(reasonOf(error));
      return undefined;
    }
  };
  const stack: RegistryKey[] = [hive.root];
  let keys = 0;
  for (let key = stack.pop(); key !== undefined && keys < MAX_KEYS; key = stack.pop()) {
    keys++;
    const { subkeys, values } = {
      subkeys: await attempt(() => key.subkeys()),
      values: await attempt(() => key.values()),
    };
    for (const value of (values ?? []).slice(0, 20)) await attempt(() => value.data());
    stack.push(...(subkeys ?? []));
  }
  await attempt(() => readBoot(new BootConfiguration(hive)));
  return problems.size === 0 ? 'read' : `read, but: ${[...problems].sort()[0]}`;
}

async function readBoot(bcd: BootConfiguration): Promise<void> {
  const loader = (await bcd.defaultObject()) ?? '';
  await bcd.device(loader, BOOT_ELEMENT.device);
  await bcd.device(loader, BOOT_ELEMENT.osDevice);
  await bcd.text(loader, BOOT_ELEMENT.path);
  await bcd.boolean(loader, BOOT_ELEMENT.ems);
  await bcd.integer(loader, BOOT_ELEMENT.timeout);
}

/** The reason without its numbers. */
function reasonOf(error: unknown): string {
  if (!(error instanceof UnreadableError)) throw error;
  return error.message.replace(/\d+/g, 'N');
}

const NUMBERS = [0, 1, 2, 31, 32, 4096, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];

function damaged(file: Buffer, picker: Picker): Buffer {
  if (file.length < 128) return file;
  // The structures are at the beginning of a bin: most of the rest is the large value.
  const at = picker.chance(0.5) ? picker.below(file.length - 4) : structureIn(file, picker);
  switch (picker.below(6)) {
    case 0:
      return Buffer.from(file.subarray(0, picker.below(file.length)));
    case 1:
      file.writeUInt8(file.readUInt8(at) ^ (1 << picker.below(8)), at);
      return file;
    case 2:
      file.writeUInt16LE(picker.of(NUMBERS) & 0xffff, at);
      return file;
    case 3:
      file.copy(file, at, picker.below(file.length - 64), picker.below(file.length));
      return file;
    case 4:
      file.writeUInt32LE(picker.below(file.length), at & ~3);
      return file;
    default:
      file.writeUInt32LE(picker.of(NUMBERS), at & ~3);
      return file;
  }
}

/** An offset in one of the structures of the file. */
function structureIn(file: Buffer, picker: Picker): number {
  const signature = picker.of(['nk', 'vk', 'lh', 'ri', 'li', 'db', 'regf', 'hbin', 'HvLE', 'DIRT']);
  const found = file.indexOf(signature, picker.below(file.length), 'latin1');
  const start = found < 0 ? 0 : Math.max(0, found - 4);
  return Math.min(start + picker.below(84), file.length - 4);
}

/** Corrects the checksums of a hive or log, as far as it has them. */
function sealed(file: Buffer): void {
  if (file.length < 512) return;
  withChecksum(file);
  for (let at = file.indexOf('HvLE', 512, 'latin1'); at >= 0; at = file.indexOf('HvLE', at + 4, 'latin1')) {
    if (at + 40 > file.length) return;
    const size = file.readUInt32LE(at + 4);
    if (size < 40 || size % 4 !== 0 || at + size > file.length) continue;
    file.writeBigUInt64LE(new Marvin32().update(file.subarray(at + 40, at + size)).digest(), at + 24);
    file.writeBigUInt64LE(new Marvin32().update(file.subarray(at, at + 32)).digest(), at + 32);
  }
}

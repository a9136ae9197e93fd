// Builds a boot configuration (BCD) hive.
import { type BuiltKey, type BuiltValue, binary, buildHive, multiSz, sz } from './hive-builder.ts';

/** Element ids, with their values: text, list, boolean, integer, or the bytes of a device. */
export type BuiltObject = Readonly<Record<string, string | readonly string[] | boolean | bigint | Buffer>>;

export function buildBootConfiguration(objects: Readonly<Record<string, BuiltObject>>): Buffer {
  const mapped = (values: BuiltObject): BuiltKey => ({
    keys: {
      Elements: {
        keys: Object.fromEntries(
          Object.entries(values).map(([id, value]) => [id, { values: { Element: elementOf(value) } }]),
        ),
      },
    },
  });
  const keys = Object.fromEntries(Object.entries(objects).map(([id, values]) => [id, mapped(values)]));
  return buildHive({ keys: { Objects: { keys } } }, { list: 'lf', minorVersion: 3 });
}

function elementOf(value: BuiltObject[string]): BuiltValue {
  if (typeof value === 'string') return sz(value);
  if (typeof value === 'boolean') return binary(Buffer.from([value ? 1 : 0]));
  if (Buffer.isBuffer(value)) return binary(value);
  if (typeof value !== 'bigint') return multiSz(...value);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return binary(bytes);
}

/** A partition of a GPT disk, by the GUIDs in the order of their bytes on the disk. */
export function gptDevice(partitionId: string, diskId: string): Buffer {
  const device = deviceOf(6);
  guidBytes(partitionId).copy(device, 32);
  guidBytes(diskId).copy(device, 56);
  return device;
}

/** A partition of an MBR disk. */
export function mbrDevice(offset: bigint, signature: number): Buffer {
  const device = deviceOf(6);
  device.writeBigUInt64LE(offset, 32);
  device.writeUInt32LE(1, 52);
  device.writeUInt32LE(signature, 56);
  return device;
}

/** A device of another type: 5 is that of the boot manager, 8 is to be searched. */
export function deviceOf(type: number): Buffer {
  const device = Buffer.alloc(88);
  device.writeUInt32LE(type, 16);
  device.writeUInt32LE(72, 24);
  return device;
}

function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  for (const [from, to] of [
    [0, 4],
    [4, 6],
    [6, 8],
  ]) {
    bytes.subarray(from, to).reverse();
  }
  return bytes;
}

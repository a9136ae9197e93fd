// The device element of a boot entry: where a file of it is (libyal/libfwbcd; ReactOS, boot/environ/include/bl.h).
import { guidAt } from '../disk.ts';
import { UnreadableError } from '../file-systems/opened-file-system.ts';

export type BootDevice =
  /** The partition that the boot manager was loaded from. */
  | { readonly kind: 'boot' }
  /** The first partition with the file or folder. */
  | { readonly kind: 'locate' }
  /** GUIDs in lower case. */
  | { readonly kind: 'gpt'; readonly partitionId: string; readonly diskId: string }
  /** Offset of the partition in bytes, and eight hexadecimal digits. */
  | { readonly kind: 'mbr'; readonly offset: bigint; readonly diskId: string }
  /** A RAM disk, a virtual disk in a file, the network. */
  | { readonly kind: 'other'; readonly type: number };

/** Each device is preceded by the id of an object with further options. */
const START = 16;
const HEADER_LENGTH = 16;

const TYPE = { boot: 5, partition: 6, locate: 8 } as const;
const LOCAL_DISK = 0;
const TABLE = { gpt: 0, mbr: 1 } as const;

/** @throws {UnreadableError} it is shorter than its kind needs. */
export function decodeBootDevice(bytes: Buffer): BootDevice {
  requireLength(bytes, START + HEADER_LENGTH);
  const type = bytes.readUInt32LE(START);
  if (type === TYPE.boot) return { kind: 'boot' };
  if (type === TYPE.locate) return { kind: 'locate' };
  if (type !== TYPE.partition) return { kind: 'other', type };
  requireLength(bytes, 60);
  const [medium, table] = [bytes.readUInt32LE(48), bytes.readUInt32LE(52)];
  if (medium === LOCAL_DISK && table === TABLE.mbr) {
    const diskId = bytes.readUInt32LE(56).toString(16).padStart(8, '0');
    return { kind: 'mbr', offset: bytes.readBigUInt64LE(32), diskId };
  }
  if (medium !== LOCAL_DISK || table !== TABLE.gpt) return { kind: 'other', type };
  requireLength(bytes, 72);
  return { kind: 'gpt', partitionId: guidAt(bytes, 32), diskId: guidAt(bytes, 56) };
}

function requireLength(bytes: Buffer, length: number): void {
  if (bytes.length < length) throw new UnreadableError(`a device has ${bytes.length} bytes, but ${length} are needed`);
}

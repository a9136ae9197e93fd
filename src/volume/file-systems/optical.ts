// ISO 9660 and UDF, by their descriptors: a disk image may be that of an installation medium.
import { textAt } from '../disk.ts';
import { described, type FileSystem } from '../file-system.ts';

const DESCRIPTORS = 32 * 1024;
const DESCRIPTOR_LENGTH = 2048;
/** Descriptors examined at most; they are in the part of the volume that is read. */
const MAX_DESCRIPTORS = 16;

export function detectOptical(head: Buffer): FileSystem | undefined {
  let iso: FileSystem | undefined;
  for (let index = 0; index < MAX_DESCRIPTORS; index++) {
    const at = DESCRIPTORS + index * DESCRIPTOR_LENGTH;
    const id = head.toString('latin1', at + 1, at + 6);
    if (id === 'NSR02' || id === 'NSR03') return described({ type: 'udf', name: 'UDF', kind: 'file-system' });
    if (id === 'CD001' && head.readUInt8(at) === 1) {
      iso = described(
        { type: 'iso9660', name: 'ISO 9660', kind: 'file-system' },
        { label: textAt(head, at + 40, 32, 'latin1') },
      );
    }
  }
  return iso;
}

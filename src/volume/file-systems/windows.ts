// NTFS, ReFS and exFAT, by their boot sectors. Their labels are in the metadata; ntfs/volume-state.ts reads that of NTFS.
import { described, type FileSystem } from '../file-system.ts';

export function detectWindows(head: Buffer): FileSystem | undefined {
  const name = head.toString('latin1', 3, 11);
  if (name === 'NTFS    ') {
    const uuid = head.readBigUInt64LE(72).toString(16).padStart(16, '0').toUpperCase();
    return described({ type: 'ntfs', name: 'NTFS', kind: 'file-system' }, { uuid });
  }
  if (name === 'EXFAT   ') {
    const uuid = serialOf(head.readUInt32LE(100));
    return described({ type: 'exfat', name: 'exFAT', kind: 'file-system' }, { uuid });
  }
  if (name === 'ReFS\0\0\0\0' && head.toString('latin1', 16, 20) === 'FSRS') {
    const uuid = head.readBigUInt64LE(56).toString(16).padStart(16, '0').toUpperCase();
    return described({ type: 'refs', name: 'ReFS', kind: 'file-system' }, { uuid });
  }
  return undefined;
}

/** The serial number of a volume in the notation of Windows and Linux: "5EAF-1234". */
export function serialOf(value: number): string {
  return value
    .toString(16)
    .padStart(8, '0')
    .toUpperCase()
    .replace(/^(.{4})/, '$1-');
}

// APFS and HFS+, by their superblocks.
import { uuidAt } from '../disk.ts';
import { described, type FileSystem } from '../file-system.ts';

export function detectApple(head: Buffer): FileSystem | undefined {
  if (head.toString('latin1', 32, 36) === 'NXSB') {
    return described({ type: 'apfs', name: 'APFS', kind: 'file-system' }, { uuid: uuidAt(head, 72) });
  }
  if (['H+', 'HX'].includes(head.toString('latin1', 1024, 1026))) {
    return described({ type: 'hfsplus', name: 'HFS+', kind: 'file-system' });
  }
  return undefined;
}

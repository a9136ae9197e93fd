// Containers and swap: LVM2 physical volumes, LUKS, BitLocker, md RAID members, Linux swap.
import { textAt, uuidAt } from '../disk.ts';
import { described, type FileSystem } from '../file-system.ts';

const SECTOR = 512;
export const MD_MAGIC = 0xa92b4efc;
/** Page sizes of swap: the signature is at the end of the first page, and processors differ in the page size. */
export const PAGE_SIZES: readonly number[] = [4096, 8192, 16384, 65536];
/** The marks that the kernel and uswsusp write in place of the signature during hibernation. */
export const SUSPENDED: readonly string[] = ['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001'];

export const CONTAINER_DETECTORS: readonly ((head: Buffer) => FileSystem | undefined)[] = [
  detectLuks,
  detectBitLocker,
  detectLvm,
  detectRaid,
  detectSwap,
];

function detectLuks(head: Buffer): FileSystem | undefined {
  if (head.toString('latin1', 0, 6) !== 'LUKS\xba\xbe') return undefined;
  const version = head.readUInt16BE(6);
  const label = version === 2 ? textAt(head, 24, 48) : undefined;
  return described(
    { type: 'luks', name: `LUKS${version} encryption`, kind: 'encrypted' },
    { label, uuid: textAt(head, 168, 40) },
  );
}

function detectBitLocker(head: Buffer): FileSystem | undefined {
  if (head.toString('latin1', 3, 11) !== '-FVE-FS-') return undefined;
  return described({ type: 'bitlocker', name: 'BitLocker encryption', kind: 'encrypted' });
}

/** The label is in one of the first four sectors. */
function detectLvm(head: Buffer): FileSystem | undefined {
  for (let at = 0; at < 4 * SECTOR; at += SECTOR) {
    if (
      head.toString('latin1', at, at + 8) !== 'LABELONE' ||
      head.toString('latin1', at + 24, at + 32) !== 'LVM2 001'
    ) {
      continue;
    }
    const id = head.toString('latin1', at + 32, at + 64);
    const uuid = id.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
    return described({ type: 'lvm2', name: 'LVM2 physical volume', kind: 'volume-group' }, { uuid });
  }
  return undefined;
}

/** Versions 1.1 (at the beginning) and 1.2 (at 4 KiB). Older ones are at the end of the device. */
function detectRaid(head: Buffer): FileSystem | undefined {
  for (const at of [0, 4096]) {
    if (head.readUInt32LE(at) !== MD_MAGIC || head.readUInt32LE(at + 4) !== 1) continue;
    return described(
      { type: 'md-raid', name: 'Linux RAID member', kind: 'raid' },
      { label: textAt(head, at + 32, 32), uuid: uuidAt(head, at + 16) },
    );
  }
  return undefined;
}

function detectSwap(head: Buffer): FileSystem | undefined {
  for (const pageSize of PAGE_SIZES) {
    const signature = head.toString('latin1', pageSize - 10, pageSize);
    if (SUSPENDED.some((mark) => signature.startsWith(mark))) {
      return described({ type: 'swap-suspended', name: 'Linux swap with a hibernated system', kind: 'swap' });
    }
    if (signature === 'SWAP-SPACE') return described({ type: 'swap', name: 'Linux swap', kind: 'swap' });
    if (signature !== 'SWAPSPACE2') continue;
    return described(
      { type: 'swap', name: 'Linux swap', kind: 'swap' },
      { label: textAt(head, 1052, 16), uuid: uuidAt(head, 1036) },
    );
  }
  return undefined;
}

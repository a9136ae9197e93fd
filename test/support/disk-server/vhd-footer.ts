// The footer of a fixed VHD, as the service checks it before a disk leaves the upload (VHD specification, "Hard Disk Footer Format").
// It shares no code with src/.

import { seal } from '../vhd-builder.ts';

export const FOOTER_LENGTH = 512;

const CHECKSUM_OFFSET = 64;
const FIXED = 2;

/** The footer of a fixed disk. @param size - Of the disk in bytes, without the footer. */
export function fixedFooter(size: number): Buffer {
  const footer = Buffer.alloc(FOOTER_LENGTH);
  footer.write('conectix', 0, 'latin1');
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x00010000, 12);
  footer.fill(0xff, 16, 24);
  footer.write('win ', 28, 'latin1');
  footer.writeUInt32BE(0x000a0000, 32);
  footer.write('Wi2k', 36, 'latin1');
  footer.writeBigUInt64BE(BigInt(size), 40);
  footer.writeBigUInt64BE(BigInt(size), 48);
  footer.writeUInt32BE(FIXED, 60);
  footer.fill(0x11, 68, 84);
  return seal(footer, CHECKSUM_OFFSET);
}

/** The first field of a footer that is wrong, and what it must be; undefined if the service accepts it. */
export function footerProblem(footer: Buffer, diskSize: number): { field: string; expected: string } | undefined {
  if (footer.toString('latin1', 0, 8) !== 'conectix') return { field: 'cookie', expected: "'conectix'" };
  if (footer.readUInt32BE(CHECKSUM_OFFSET) !== checksumOf(footer)) {
    return { field: 'checksum', expected: `'${checksumOf(footer)}'` };
  }
  if (footer.readUInt32BE(60) !== FIXED) return { field: 'disk type', expected: "'2' (fixed)" };
  if (footer.readBigUInt64BE(48) !== BigInt(diskSize)) return { field: 'current size', expected: `'${diskSize}'` };
  return undefined;
}

function checksumOf(footer: Buffer): number {
  return seal(Buffer.from(footer), CHECKSUM_OFFSET).readUInt32BE(CHECKSUM_OFFSET);
}

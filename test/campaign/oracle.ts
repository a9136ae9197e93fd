// Checks a blob: it must be the disk as qemu-img reads it, followed by the footer of a fixed VHD.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import type { StoredBlob } from '../support/page-blob-server/store.ts';

const PAGE = 512;

/** The offsets of pages that differ from the disk, and other problems. */
export interface Comparison {
  readonly pages: readonly number[];
  readonly problems: readonly string[];
}

/** @param disk - Padded to a whole MiB. */
export function compareBlob(blob: StoredBlob, disk: Buffer): Comparison {
  if (blob.size !== disk.length + PAGE) {
    return { pages: [], problems: [`the blob has ${blob.size} bytes, not ${disk.length + PAGE}`] };
  }
  const bytes = blob.read(0, blob.size);
  const pages: number[] = [];
  if (Buffer.compare(bytes.subarray(0, disk.length), disk) !== 0) {
    for (let at = 0; at < disk.length; at += PAGE) {
      if (bytes.compare(disk, at, at + PAGE, at, at + PAGE) !== 0) pages.push(at);
    }
  }
  return { pages, problems: footerProblems(bytes.subarray(disk.length), disk.length) };
}

/** Checks the fields of the VHD specification, "Hard Disk Footer Format". Numbers are big-endian. */
export function footerProblems(footer: Buffer, diskSize: number): string[] {
  const checks: readonly (readonly [string, boolean])[] = [
    ['cookie', footer.toString('latin1', 0, 8) === 'conectix'],
    ['file format version', footer.readUInt32BE(12) === 0x10000],
    ['data offset', footer.readBigUInt64BE(16) === 0xffffffffffffffffn],
    ['current size', footer.readBigUInt64BE(48) === BigInt(diskSize)],
    ['disk type', footer.readUInt32BE(60) === 2],
    ['checksum', footer.readUInt32BE(64) === checksumOf(footer)],
    ['unique id', footer.subarray(68, 84).some((byte) => byte !== 0)],
    ['saved state', footer.readUInt8(84) === 0],
  ];
  return checks.filter(([, holds]) => !holds).map(([field]) => `the footer's ${field} is wrong`);
}

/** One's complement of the sum of all bytes except the checksum. */
function checksumOf(footer: Buffer): number {
  const sum = footer.reduce((total, byte, at) => (at >= 64 && at < 68 ? total : total + byte), 0);
  return ~sum >>> 0;
}

/** The size of the disk that qemu-img finds in the blob: a second check of the footer. @param path - A temporary file. */
export function sizeByQemu(blob: StoredBlob, path: string): number {
  writeFileSync(path, blob.read(0, blob.size));
  try {
    const image = `driver=vpc,force_size_calc=current_size,file.driver=file,file.filename=${path}`;
    const information = execFileSync('qemu-img', ['info', '--output=json', '--image-opts', image], {
      encoding: 'utf8',
    });
    return (JSON.parse(information) as { 'virtual-size': number })['virtual-size'];
  } finally {
    rmSync(path);
  }
}

export function md5Of(blob: StoredBlob): string {
  return createHash('md5').update(blob.read(0, blob.size)).digest('base64');
}

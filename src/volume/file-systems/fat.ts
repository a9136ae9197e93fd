// FAT12, FAT16 and FAT32, by the boot sector (Microsoft's FAT specification 1.03).
import { isUtf8 } from 'node:buffer';
import { textAt } from '../disk.ts';
import { described, type FileSystem } from '../file-system.ts';
import { serialOf } from './windows.ts';

/** The layout of a FAT file system, in bytes from its beginning. */
export interface FatGeometry {
  readonly bits: 12 | 16 | 32;
  readonly clusterSize: number;
  readonly tableOffset: number;
  /** Of one table. The copies follow one another. */
  readonly tableLength: number;
  readonly tables: number;
  /** FAT12 and FAT16: the fixed place of the root folder. The length is 0 on FAT32. */
  readonly rootOffset: number;
  readonly rootLength: number;
  /** FAT32: the first cluster of the root folder. */
  readonly rootCluster: number;
  /** Offset of cluster 2, the first one. */
  readonly dataOffset: number;
  readonly clusters: number;
}

/** Decodes the boot sector at the beginning of `head`; undefined if it is not FAT. */
export function fatGeometry(head: Buffer): FatGeometry | undefined {
  const isBootSector = [0xeb, 0xe9].includes(head.readUInt8(0)) && head.readUInt16LE(510) === 0xaa55;
  const sectorSize = head.readUInt16LE(11);
  const sectorsPerCluster = head.readUInt8(13);
  const reserved = head.readUInt16LE(14);
  const tables = head.readUInt8(16);
  const media = head.readUInt8(21);
  if (!isBootSector || ![512, 1024, 2048, 4096].includes(sectorSize) || reserved === 0) return undefined;
  if (sectorsPerCluster === 0 || (sectorsPerCluster & (sectorsPerCluster - 1)) !== 0) return undefined;
  if (tables < 1 || tables > 2 || (media !== 0xf0 && media < 0xf8)) return undefined;

  const shortLength = head.readUInt16LE(22);
  const tableLength = (shortLength || head.readUInt32LE(36)) * sectorSize;
  const rootLength = Math.ceil((head.readUInt16LE(17) * 32) / sectorSize) * sectorSize;
  const size = (head.readUInt16LE(19) || head.readUInt32LE(32)) * sectorSize;
  const rootOffset = reserved * sectorSize + tables * tableLength;
  const dataOffset = rootOffset + rootLength;
  const clusterSize = sectorsPerCluster * sectorSize;
  const clusters = Math.floor((size - dataOffset) / clusterSize);
  if (tableLength === 0 || clusters < 1) return undefined;
  return {
    // A small FAT32 may have fewer clusters than the specification allows, so the length field of its tables decides.
    bits: shortLength === 0 ? 32 : clusters < 4085 ? 12 : 16,
    clusterSize,
    tableOffset: reserved * sectorSize,
    tableLength,
    tables,
    rootOffset,
    rootLength,
    rootCluster: shortLength === 0 ? head.readUInt32LE(44) : 0,
    dataOffset,
    clusters,
  };
}

export function detectFat(head: Buffer): FileSystem | undefined {
  const geometry = fatGeometry(head);
  if (geometry === undefined) return undefined;
  const { bits } = geometry;
  const at = bits === 32 ? 67 : 39;
  const label = labelAt(head, at + 4);
  return described(
    { type: `fat${bits}`, name: `FAT${bits}`, kind: 'file-system' },
    { label: label === 'NO NAME' ? undefined : label, uuid: serialOf(head.readUInt32LE(at)) },
  );
}

/** The upper half of code page 850, which mkfs.fat and Windows in Western Europe use. The letters of code page 437 are in the same places. */
const CODE_PAGE_850 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0';

/** 11 characters in a PC code page, or in UTF-8, which some Linux tools write. */
function labelAt(head: Buffer, offset: number): string | undefined {
  const stored = head.subarray(offset, offset + 11);
  if (isUtf8(stored)) return textAt(head, offset, 11);
  return oemText(stored).replace(/\0.*$/s, '').trimEnd() || undefined;
}

/** Text in a PC code page. */
export function oemText(stored: Uint8Array): string {
  return Array.from(stored, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : CODE_PAGE_850.charAt(byte - 0x80),
  ).join('');
}

/**
 * The evidence that the file system was not closed, or has errors; empty if it is clean (Microsoft's FAT specification 1.03,
 * "FAT volume initialization"; the bits in the boot sector are those of Windows NT and Linux). FAT12 has the latter only.
 * @param table The first 8 bytes of the table.
 */
export function fatUncleanReasons({ bits }: FatGeometry, bootSector: Buffer, table: Buffer): string[] {
  const flags = bootSector.readUInt8(bits === 32 ? 65 : 37);
  const [cleanBit, errorBit, value] =
    bits === 32 ? [0x08000000, 0x04000000, table.readUInt32LE(4)] : [0x8000, 0x4000, table.readUInt16LE(2)];
  const hasBits = bits !== 12;
  const reasons: string[] = [];
  if ((flags & 0x1) !== 0 || (hasBits && (value & cleanBit) === 0)) reasons.push('it was not unmounted');
  if ((flags & 0x2) !== 0 || (hasBits && (value & errorBit) === 0)) reasons.push('it has errors');
  return reasons;
}

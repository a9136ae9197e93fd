// Writes logs into VHDX files, to make files that were not closed cleanly, valid or invalid.
import {
  encodeHeader,
  guidBytes,
  HEADER_1,
  HEADER_2,
  KIB,
  nextGuid,
  patchFile,
  readBytes,
  seal,
  type VhdxLayout,
} from './vhdx-builder.ts';

const SECTOR = 4 * KIB;

/** A page to write, or a range to fill with zeros, at an offset of the file. */
export type Descriptor =
  | { readonly page: number; readonly bytes: Uint8Array }
  | { readonly zero: number; readonly length: number | bigint };

export interface EntrySpec {
  /** Offset in the log. @default after the previous entry */
  readonly at?: number;
  readonly sequence: bigint;
  /** Offset in the log. @default the start of the first entry of the call */
  readonly tail?: number;
  readonly descriptors?: readonly Descriptor[];
  readonly logGuid?: string;
  readonly flushed?: bigint;
  readonly last?: bigint;
  /** Changes the bytes before the checksum is computed. */
  readonly edit?: (entry: Buffer) => void;
  /** Changes the bytes after the checksum is computed. */
  readonly spoil?: (entry: Buffer) => void;
}

export interface LogSpec {
  readonly logGuid?: string;
  readonly entries: readonly EntrySpec[];
}

/** Writes the entries, and headers that name the log. Returns the offsets of the entries and the id of the log. */
export function writeLog(layout: VhdxLayout, spec: LogSpec): { logGuid: string; offsets: number[] } {
  const logGuid = spec.logGuid ?? nextGuid();
  const offsets: number[] = [];
  let next = 0;
  for (const entry of spec.entries) {
    const at = entry.at ?? next;
    offsets.push(at);
    const bytes = encodeEntry(layout, { logGuid, tail: offsets[0] ?? 0, ...entry });
    // Written sector by sector, to wrap round at the end of the ring.
    for (let sector = 0; sector < bytes.length; sector += SECTOR) {
      patchFile(
        layout.path,
        layout.log.offset + ((at + sector) % layout.log.length),
        bytes.subarray(sector, sector + SECTOR),
      );
    }
    next = (at + bytes.length) % layout.log.length;
  }
  const { log, dataWriteGuid } = layout;
  const header = { logOffset: log.offset, logLength: log.length, dataWriteGuid, logGuid };
  patchFile(layout.path, HEADER_1, encodeHeader({ ...header, sequence: 11n }));
  patchFile(layout.path, HEADER_2, encodeHeader({ ...header, sequence: 12n }));
  return { logGuid, offsets };
}

/** The bytes of one entry. */
export function encodeEntry(layout: VhdxLayout, spec: EntrySpec): Buffer {
  const descriptors = spec.descriptors ?? [];
  const head = Buffer.alloc(Math.ceil((64 + descriptors.length * 32) / SECTOR) * SECTOR);
  const sectors: Buffer[] = [];
  for (const [index, descriptor] of descriptors.entries()) {
    const at = 64 + index * 32;
    head.writeBigUInt64LE(spec.sequence, at + 24);
    if ('zero' in descriptor) {
      head.write('zero', at, 'latin1');
      head.writeBigUInt64LE(BigInt(descriptor.length), at + 8);
      head.writeBigUInt64LE(BigInt(descriptor.zero), at + 16);
      continue;
    }
    const page = Buffer.from(descriptor.bytes);
    head.write('desc', at, 'latin1');
    page.copy(head, at + 4, SECTOR - 4);
    page.copy(head, at + 8, 0, 8);
    head.writeBigUInt64LE(BigInt(descriptor.page), at + 16);
    const sector = Buffer.from(page);
    sector.write('data', 0, 'latin1');
    sector.writeUInt32LE(Number(spec.sequence >> 32n), 4);
    sector.writeUInt32LE(Number(spec.sequence & 0xffffffffn), SECTOR - 4);
    sectors.push(sector);
  }
  const entry = Buffer.concat([head, ...sectors]);
  entry.write('loge', 0, 'latin1');
  entry.writeUInt32LE(entry.length, 8);
  entry.writeUInt32LE(spec.tail ?? 0, 12);
  entry.writeBigUInt64LE(spec.sequence, 16);
  entry.writeUInt32LE(descriptors.length, 24);
  guidBytes(spec.logGuid ?? nextGuid()).copy(entry, 32);
  entry.writeBigUInt64LE(spec.flushed ?? BigInt(layout.fileLength), 48);
  entry.writeBigUInt64LE(spec.last ?? BigInt(layout.fileLength), 56);
  spec.edit?.(entry);
  seal(entry);
  spec.spoil?.(entry);
  return entry;
}

/** Moves pages of a clean file into its log and leaves garbage in their places, as after a crash. */
export function moveToLog(layout: VhdxLayout, pages: readonly number[], sequence = 1n): void {
  const descriptors = pages.map((page) => ({ page, bytes: readBytes(layout.path, page, SECTOR) }));
  writeLog(layout, { entries: [{ sequence, descriptors }] });
  for (const page of pages) patchFile(layout.path, page, Buffer.alloc(SECTOR, 0xee));
}

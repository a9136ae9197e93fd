// GUIDs in the notation of VHDX (MS-VHDX 1.3.2, MS-DTYP 2.3.4.2): the first three groups are little-endian, the rest is in order.
import type { Fields } from '../fields.ts';

/** Lower case, without braces: "83ed0ec3-24c8-49a6-a959-5e4bf1288bfb". */
export type Guid = string;

export const ZERO_GUID: Guid = '00000000-0000-0000-0000-000000000000';

/** Length of a GUID in a file, in bytes. */
export const GUID_LENGTH = 16;

/** The GUID at `offset` of a structure. */
export function guidAt(fields: Fields, offset: number): Guid {
  const hex = Buffer.from(fields.slice(offset + 8, 8)).toString('hex');
  const groups = [
    fields.u32(offset).toString(16).padStart(8, '0'),
    fields
      .u16(offset + 4)
      .toString(16)
      .padStart(4, '0'),
    fields
      .u16(offset + 6)
      .toString(16)
      .padStart(4, '0'),
    hex.slice(0, 4),
    hex.slice(4),
  ];
  return groups.join('-');
}

/** Parses a GUID with or without braces, in upper or lower case; undefined if `text` is not a GUID. */
export function parseGuid(text: string): Guid | undefined {
  const match = /^(?:\{([0-9a-f-]{36})\}|([0-9a-f-]{36}))$/i.exec(text);
  const guid = (match?.[1] ?? match?.[2])?.toLowerCase();
  return guid !== undefined && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(guid) ? guid : undefined;
}

/** The bytes of a GUID in a file. */
export function guidBytes(guid: Guid): Uint8Array {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  for (const [start, end] of [
    [0, 4],
    [4, 6],
    [6, 8],
  ]) {
    bytes.subarray(start, end).reverse();
  }
  return bytes;
}

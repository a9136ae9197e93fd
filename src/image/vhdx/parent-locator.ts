// The parent locator of a differencing VHDX: the identity of its parent and paths to it (MS-VHDX 2.6.2.6).

import { decodeForeignText, plainUtf16 } from '../../base/foreign-text.ts';
import { printable } from '../../base/printable.ts';
import { UnsupportedImageError } from '../../errors.ts';
import type { Fields } from '../fields.ts';
import { type Guid, guidAt, parseGuid, ZERO_GUID } from './guid.ts';

const VHDX_LOCATOR: Guid = 'b04aefb7-d19e-4a81-b789-25b8e9445913';
const HEADER_LENGTH = 20;
const ENTRY_LENGTH = 12;
const MAX_ENTRIES = 256;

/** A child's reference to its parent. */
export interface ParentLocator {
  /** The parent's DataWriteGuid must be one of these. A second one exists while two checkpoints are merged. */
  readonly linkages: readonly Guid[];
  /** Relative to the folder of the child: ".\parent.vhdx". */
  readonly relativePath: string | undefined;
  /** "\\?\Volume{...}\disks\parent.vhdx". */
  readonly volumePath: string | undefined;
  /** "C:\disks\parent.vhdx", possibly with the prefix "\\?\". */
  readonly absolutePath: string | undefined;
}

/**
 * Decodes the parent locator item.
 * @throws {CorruptImageError} it does not identify the parent.
 * @throws {UnsupportedImageError} the parent is not a VHDX file.
 */
export function decodeParentLocator(item: Fields): ParentLocator {
  if (item.bytes.length < HEADER_LENGTH) {
    throw item.corrupt(`it must have at least ${HEADER_LENGTH} bytes, but has ${item.bytes.length}`);
  }
  const type = guidAt(item, 0);
  if (type !== VHDX_LOCATOR) {
    throw new UnsupportedImageError(
      `Cannot read ${printable(item.location.path)}: its parent has the type ${type}; only a VHDX file can be a parent.`,
    );
  }
  const entries = decodeEntries(item);
  const linkages = ['parent_linkage', 'parent_linkage2'].flatMap((key) => {
    const guid = parseGuid(entries.get(key) ?? '');
    // Windows fills an unused second one with zeros.
    return guid === undefined || guid === ZERO_GUID ? [] : [guid];
  });
  if (linkages.length === 0) {
    const found = entries.get('parent_linkage');
    throw item.corrupt(
      `"parent_linkage" must be the GUID of the parent, but is ${found === undefined ? 'absent' : printable(found)}`,
    );
  }
  return {
    linkages,
    relativePath: entries.get('relative_path'),
    volumePath: entries.get('volume_path'),
    absolutePath: entries.get('absolute_win32_path'),
  };
}

function decodeEntries(item: Fields): Map<string, string> {
  const count = item.u16(18);
  if (count === 0 || count > MAX_ENTRIES || HEADER_LENGTH + count * ENTRY_LENGTH > item.bytes.length) {
    throw item.corrupt(`it must have 1 to ${MAX_ENTRIES} entries that fit in it, but has ${count}`);
  }
  const entries = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const at = HEADER_LENGTH + index * ENTRY_LENGTH;
    const key = decodeText(item, item.u32(at), item.u16(at + 8));
    if (entries.has(key)) throw item.corrupt(`it has two entries ${printable(key)}`);
    entries.set(key, decodeText(item, item.u32(at + 4), item.u16(at + 10)));
  }
  return entries;
}

/** UTF-16, little-endian, without a terminator; some writers use another encoding or add a terminator. */
function decodeText(item: Fields, offset: number, length: number): string {
  if (length % 2 !== 0 || offset + length > item.bytes.length) {
    throw item.corrupt(
      `its texts must lie inside of it and have an even length, but one has ${length} bytes at ${offset} of ${item.bytes.length}`,
    );
  }
  const bytes = item.slice(offset, length);
  return decodeForeignText(bytes, 'utf-16le') ?? plainUtf16(bytes, 'utf-16le');
}

// The parent locators of a differencing VHD: paths of its parent in several notations (VHD specification, "Parent Locator Entry").

import { decodeForeignText, type TextEncoding } from '../../base/foreign-text.ts';
import { printable } from '../../base/printable.ts';
import type { Fields } from '../fields.ts';
import type { ImageFile } from '../image-file.ts';

/** One of the eight slots of the dynamic header. */
export interface ParentLocator {
  readonly slot: number;
  /** Four characters: "W2ku", "W2ru", "MacX". */
  readonly platformCode: string;
  /** Length of the text in bytes. The field Data Space before it is not used: some writers count bytes, others sectors. */
  readonly length: number;
  /** Offset of the text in the file. */
  readonly offset: bigint;
}

/** The text of a locator, or the reason why it cannot be used. */
export type LocatorText =
  | { readonly source: string; readonly text: string; readonly isUrl: boolean }
  | { readonly source: string; readonly problem: string };

const SLOTS = 8;
const FIRST_SLOT = 576;
const SLOT_LENGTH = 24;
/** 64 KiB: twice the longest Windows path. */
const MAX_TEXT_LENGTH = 65536;

const UNUSED = '\0\0\0\0';
/** The encoding of each kind. `Mac ` is a binary alias of Mac OS 9, but some writers store a path there. */
const ENCODINGS: ReadonlyMap<string, TextEncoding> = new Map([
  ['W2ru', 'utf-16le'],
  ['W2ku', 'utf-16le'],
  ['Wi2r', 'windows-1252'],
  ['Wi2k', 'windows-1252'],
  ['MacX', 'utf-8'],
  ['Mac ', 'utf-8'],
]);
const NO_PATH = 'its kind contains no readable path';

/** The slots in use, which may be any: DiscUtils fills the last two. */
export function decodeLocators(header: Fields): ParentLocator[] {
  const locators: ParentLocator[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const at = FIRST_SLOT + slot * SLOT_LENGTH;
    const platformCode = header.ascii(at, 4);
    if (platformCode === UNUSED) continue;
    locators.push({ slot, platformCode, length: header.u32(at + 8), offset: header.bigU64(at + 16) });
  }
  return locators;
}

/** Reads the text of a locator. A fault is a result, not an error, because another locator may work. */
export async function readLocator(file: ImageFile, locator: ParentLocator): Promise<LocatorText> {
  const source = `parent locator ${locator.slot} (${printable(locator.platformCode)})`;
  const encoding = ENCODINGS.get(locator.platformCode);
  if (encoding === undefined) return { source, problem: NO_PATH };
  const { length, offset } = locator;
  if (length === 0) return { source, problem: 'it is empty' };
  if (length > MAX_TEXT_LENGTH) return { source, problem: `its length is ${length} bytes, above ${MAX_TEXT_LENGTH}` };
  if (offset + BigInt(length) > BigInt(file.size)) {
    return { source, problem: `its text at ${offset}, of ${length} bytes, ends after the file at ${file.size}` };
  }
  const bytes = new Uint8Array(length);
  await file.read(Number(offset), bytes);
  const text = decodeForeignText(bytes, encoding) ?? undecoded(bytes, encoding);
  const isAlias = locator.platformCode === 'Mac ' && (text === undefined || !/\.\w+$/.test(text));
  if (isAlias) return { source, problem: NO_PATH };
  if (text === undefined) return { source, problem: 'its text has no known encoding (UTF-16, UTF-8 or Windows-1252)' };
  return { source, text, isUrl: /^file:/i.test(text) };
}

/** A text that is implausible as a path (such as one with control characters), in the encoding of the specification. */
function undecoded(bytes: Uint8Array, encoding: TextEncoding): string | undefined {
  if (encoding === 'windows-1252') return undefined;
  try {
    const text = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\0+$/, '');
    return text === '\ufeff' ? undefined : text;
  } catch {
    return undefined;
  }
}

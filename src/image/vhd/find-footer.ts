// Finds the footer of a VHD: at the end of the file, one byte short as written by old Virtual PC, or the copy at the beginning.

import { printable } from '../../base/printable.ts';
import { CorruptImageError } from '../../errors.ts';
import type { OpenDiskImageOptions } from '../disk-image.ts';
import type { Fields } from '../fields.ts';
import type { ImageFile } from '../image-file.ts';
import {
  checkFooter,
  checksumProblem,
  DISK_TYPE,
  damagedFooter,
  decodeFooter,
  FOOTER_LENGTH,
  footerFields,
  hasFooterCookie,
  type VhdFooter,
} from './footer.ts';

export interface FoundFooter {
  readonly footer: VhdFooter;
  /** Offset of the footer at the end of the file, or the length of the file without one. No block may end after it. */
  readonly dataEnd: number;
}

/** A footer with the right cookie. */
interface FooterCopy {
  readonly fields: Fields;
  /** Undefined if the checksum is correct. */
  readonly problem: string | undefined;
}

/**
 * The footer of a VHD, or undefined if the file has none and so is not a VHD. The end is read first, because a fixed disk may
 * begin with the copy of a footer if a VHD was written to it.
 * @throws {CorruptImageError} both copies are damaged, or two intact copies contradict each other.
 * @throws {UnsupportedImageError} the version or the disk type is not supported.
 */
export async function findFooter(file: ImageFile, options: OpenDiskImageOptions): Promise<FoundFooter | undefined> {
  const tail = await readTail(file);
  const head = needsHead(tail) ? await readHead(file) : undefined;
  const isBlank = tail === undefined && head !== undefined && (await endsWithZeros(file));
  const chosen = choose(file, { tail, head, isBlank }, options);
  if (chosen === undefined) return undefined;
  const footer = decodeFooter(chosen.fields);
  checkFooter(footer, chosen.fields);
  return { footer, dataEnd: tail?.fields.location.offset ?? file.size };
}

/** Whether the end of `file` proves a fixed VHD: an intact footer for a disk of exactly the bytes before it. */
export async function endsAsFixedVhd(file: ImageFile): Promise<boolean> {
  const tail = await readTail(file);
  if (tail === undefined || tail.problem !== undefined || !isFixed(tail)) return false;
  return tail.fields.bigU64(48) === BigInt(tail.fields.location.offset);
}

async function readTail(file: ImageFile): Promise<FooterCopy | undefined> {
  const whole = await readCopy(file, file.size - FOOTER_LENGTH, FOOTER_LENGTH);
  if (whole !== undefined || file.size % FOOTER_LENGTH !== FOOTER_LENGTH - 1) return whole;
  return await readCopy(file, file.size - (FOOTER_LENGTH - 1), FOOTER_LENGTH - 1);
}

/** Only a dynamic or differencing VHD has a copy at the beginning. */
function needsHead(tail: FooterCopy | undefined): boolean {
  return tail === undefined || !isFixed(tail);
}

async function readHead(file: ImageFile): Promise<FooterCopy | undefined> {
  const copy = await readCopy(file, 0, FOOTER_LENGTH);
  return copy === undefined || isFixed(copy) ? undefined : copy;
}

function isFixed(copy: FooterCopy): boolean {
  return copy.fields.u32(60) === DISK_TYPE.fixed;
}

async function readCopy(file: ImageFile, offset: number, length: number): Promise<FooterCopy | undefined> {
  if (offset < 0 || offset + length > file.size) return undefined;
  // A footer of 511 bytes lacks a zero at its end.
  const bytes = new Uint8Array(FOOTER_LENGTH);
  await file.read(offset, bytes.subarray(0, length));
  if (!hasFooterCookie(bytes)) return undefined;
  const fields = footerFields(bytes, file.path, offset);
  return { fields, problem: checksumProblem(fields) };
}

/** A program that allocates a file before it fills it leaves zeros after an interruption. */
async function endsWithZeros(file: ImageFile): Promise<boolean> {
  const bytes = new Uint8Array(Math.min(FOOTER_LENGTH, file.size));
  await file.read(file.size - bytes.length, bytes);
  return bytes.every((byte) => byte === 0);
}

interface FooterCopies {
  readonly tail: FooterCopy | undefined;
  readonly head: FooterCopy | undefined;
  /** Whether the file has only zeros in place of the footer at the end. */
  readonly isBlank: boolean;
}

function choose(
  file: ImageFile,
  { tail, head, isBlank }: FooterCopies,
  options: OpenDiskImageOptions,
): FooterCopy | undefined {
  const path = printable(file.path);
  if (tail !== undefined && tail.problem === undefined) {
    if (isFixed(tail)) return tail;
    if (head !== undefined && head.problem === undefined) requireAgreement(file, tail, head);
    else {
      const found = head === undefined ? 'it is missing' : head.problem;
      options.onWarning?.({
        code: 'footer-copy-damaged',
        message: `The copy of the footer at the beginning of ${path} cannot be used: ${found}. The footer at the end is intact and is used.`,
      });
    }
    return tail;
  }
  if (head !== undefined && head.problem === undefined) {
    const missing = isBlank
      ? 'it contains only zeros, so the file may have been truncated, or the copy that created it did not finish'
      : 'it is missing, so the file may have been truncated';
    const found = tail === undefined ? missing : tail.problem;
    options.onWarning?.({
      code: 'footer-damaged',
      message: `The footer at the end of ${path} cannot be used: ${found}. The copy at the beginning is intact and is used, but data may be missing: compare the file with its source.`,
    });
    return head;
  }
  const damaged = tail ?? head;
  if (damaged?.problem !== undefined) throw damagedFooter(damaged.fields, damaged.problem);
  return undefined;
}

/** Fields that must agree in both copies: [field, offset, length]. */
const AGREEING_FIELDS = [
  ['data offset', 16, 8],
  ['current size', 48, 8],
  ['disk type', 60, 4],
  ['unique id', 68, 16],
] as const;

function requireAgreement(file: ImageFile, tail: FooterCopy, head: FooterCopy): void {
  for (const [name, offset, length] of AGREEING_FIELDS) {
    const atEnd = Buffer.from(tail.fields.slice(offset, length)).toString('hex');
    const atBeginning = Buffer.from(head.fields.slice(offset, length)).toString('hex');
    if (atEnd !== atBeginning) {
      throw new CorruptImageError(
        `Cannot use the footer of ${printable(file.path)}: its two copies differ in the ${name}, 0x${atEnd} at the end and 0x${atBeginning} at the beginning. The file may have been truncated or joined with another: copy it again, or repair it with the program that wrote it.`,
      );
    }
  }
}

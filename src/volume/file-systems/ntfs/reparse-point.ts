// Reparse points: links, and files whose contents another driver of Windows provides (Microsoft, [MS-FSCC] 2.1.2).
import { UnreadableError } from '../opened-file-system.ts';
import { REPARSE_POINT } from './attribute.ts';
import type { FileRecord } from './file-record.ts';
import type { Mft } from './mft.ts';
import { Stream } from './stream.ts';

export interface ReparsePoint {
  readonly tag: number;
  readonly data: Buffer;
}

const MOUNT_POINT = 0xa0000003;
const SYMBOLIC_LINK = 0xa000000c;
const LINUX_LINK = 0xa000001d;
/** Windows Overlay Filter: the file is compressed. */
export const WOF = 0x80000017;
/** The file or folder stands for another one. */
const IS_SURROGATE = 0x20000000;
/** AF_UNIX socket, FIFO, character and block device of the Windows Subsystem for Linux. */
const SPECIAL_FILES: readonly number[] = [0x80000023, 0x80000024, 0x80000025, 0x80000026];

const HEAD = 8;
const MAX_LENGTH = 16 * 1024;

/** Why the contents cannot be read, by tag. */
const REASONS: Readonly<Record<number, string>> = {
  2147483667: 'its contents are deduplicated by Windows',
  2147483671: 'it is compressed (WOF)',
};

/** Undefined for a normal file or folder. @throws {UnreadableError} */
export async function readReparsePoint(mft: Mft, record: FileRecord): Promise<ReparsePoint | undefined> {
  const stream = await Stream.open(mft, record, REPARSE_POINT);
  if (stream === undefined) return undefined;
  if (stream.size < HEAD || stream.size > MAX_LENGTH) {
    throw new UnreadableError(`the reparse point of file record ${record.number} has ${stream.size} bytes`);
  }
  const bytes = await stream.read(0, stream.size);
  return { tag: bytes.readUInt32LE(0), data: bytes.subarray(HEAD) };
}

/** What the reparse point makes of a file or folder; undefined if it stays one. */
export function kindOf({ tag }: ReparsePoint): 'link' | 'other' | undefined {
  if ([MOUNT_POINT, SYMBOLIC_LINK, LINUX_LINK].includes(tag)) return 'link';
  return SPECIAL_FILES.includes(tag) || (tag & IS_SURROGATE) !== 0 ? 'other' : undefined;
}

export function reasonOf({ tag }: ReparsePoint): string {
  return REASONS[tag] ?? `another driver of Windows provides its contents (reparse tag 0x${tag.toString(16)})`;
}

/** The target as stored: the substitute name, "\??\C:\Users" or "..\file". @throws {UnreadableError} */
export function targetOf({ tag, data }: ReparsePoint): string {
  if (tag === LINUX_LINK) return data.toString('utf8', 4);
  // A symbolic link has flags between the places of its names and the names.
  const names = tag === SYMBOLIC_LINK ? 12 : 8;
  if (data.length < names) throw new UnreadableError('the link is damaged');
  const start = names + data.readUInt16LE(0);
  const end = start + data.readUInt16LE(2);
  if (end > data.length) throw new UnreadableError('the link is damaged');
  return data.toString('utf16le', start, end);
}

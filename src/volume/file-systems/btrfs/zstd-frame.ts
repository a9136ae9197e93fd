// Where a Zstandard frame ends: what follows it is padding (RFC 8878, 3.1.1).
import { UnreadableError } from '../opened-file-system.ts';

const MAGIC = 0xfd2fb528;
/** In bytes, by the flags of the frame header. */
const DICTIONARY_LENGTHS = [0, 1, 2, 4] as const;
const SIZE_LENGTHS = [0, 2, 4, 8] as const;
const REPEATED = 1;

/** The frame at the beginning of `bytes`, without what follows. @throws {UnreadableError} it is cut off. */
export function zstdFrameOf(bytes: Buffer): Buffer {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== MAGIC) throw damaged('does not begin as a frame');
  const descriptor = bytes.readUInt8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  const size = SIZE_LENGTHS[descriptor >> 6] ?? 0;
  let at = 5 + (isSingle ? 0 : 1) + (DICTIONARY_LENGTHS[descriptor & 3] ?? 0) + (isSingle && size === 0 ? 1 : size);
  for (let isLast = false; !isLast; ) {
    if (at + 3 > bytes.length) throw damaged('is cut off');
    const header = bytes.readUIntLE(at, 3);
    isLast = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    if (type > 2) throw damaged('has a block of an unknown type');
    at += 3 + (type === REPEATED ? 1 : header >> 3);
  }
  if ((descriptor & 4) !== 0) at += 4;
  if (at > bytes.length) throw damaged('is cut off');
  return bytes.subarray(0, at);
}

function damaged(problem: string): UnreadableError {
  return new UnreadableError(`a part of a file that is compressed with zstd ${problem}`);
}

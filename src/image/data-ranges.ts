// Which parts of a file can hold data, by what the operating system says of its holes. A wrong hole would be lost data: what cannot be true is not believed.
import { alignDown, alignUp, type ByteRange, endOf, MIB } from '../base/byte-range.ts';
import type { ImageBytes } from './image-bytes.ts';

/** Holes are reported in whole MiB, the smallest block of a VHDX. */
const GRAIN = MIB;
/** Beside a transfer, asking once takes as long as reading so much: holes that save less are not worth it. */
const WORTH_ASKING = 4 * MIB;
/** Taken for data unasked at most, where there was nothing worth asking for. */
const MAX_UNASKED = 64 * MIB;
/** Bytes at the beginning and at the end of a file that a system is tried with. */
const SAMPLE = 512;

/** What is known of the beginning of a range of a file. */
export interface DataAnswer {
  /** Where there can be data: ascending and apart. All the rest up to `end` is holes. */
  readonly data: readonly ByteRange[];
  /** What follows is to be asked for. */
  readonly end: number;
}

/** Asks the system. Undefined where it does not tell. */
export type AskForData = (range: ByteRange) => Promise<DataAnswer | undefined>;

/**
 * The parts of `range` that can hold data: ascending, and as far ahead as they are read. From the first answer that cannot be
 * true on, that is all of it. Neighbours may touch: a long row of small holes is not waited for.
 */
export async function* dataRanges(range: ByteRange, ask: AskForData): AsyncGenerator<ByteRange> {
  const end = endOf(range);
  let inVain = 0;
  for (let offset = range.offset; offset < end; ) {
    const rest = { offset, length: end - offset };
    const answer = await answerOf(rest, ask);
    if (answer === undefined) {
      yield rest;
      return;
    }
    let taken = 0;
    for (const data of answer.data) {
      const start = Math.max(offset, range.offset + alignDown(data.offset - range.offset, GRAIN));
      const stop = Math.min(end, range.offset + alignUp(endOf(data) - range.offset, GRAIN));
      if (stop <= start) continue;
      yield { offset: start, length: stop - start };
      taken += stop - start;
      offset = stop;
    }
    offset = Math.max(offset, answer.end);
    const saved = offset - rest.offset - taken;
    inVain = saved < WORTH_ASKING ? inVain + 1 : 0;
    const unasked = Math.min((inVain - 1) * WORTH_ASKING, MAX_UNASKED, end - offset);
    if (unasked <= 0) continue;
    yield { offset, length: unasked };
    offset += unasked;
  }
}

/** Whether the system knows of the data that the file begins and ends with. One that takes them for holes knows nothing. */
export async function knowsOfData(file: ImageBytes, ask: AskForData): Promise<boolean> {
  const length = Math.min(SAMPLE, file.size);
  for (const offset of [0, file.size - length]) {
    const sample = new Uint8Array(length);
    await file.read(offset, sample);
    const first = sample.findIndex((byte) => byte !== 0);
    if (first < 0) continue;
    const answer = await answerOf({ offset: offset + first, length: length - first }, ask);
    if (answer?.data[0]?.offset !== offset + first) return false;
  }
  return true;
}

async function answerOf(range: ByteRange, ask: AskForData): Promise<DataAnswer | undefined> {
  const answer = await ask(range).catch(() => undefined);
  return answer !== undefined && canBeTrue(answer, range) ? answer : undefined;
}

function canBeTrue({ data, end }: DataAnswer, range: ByteRange): boolean {
  let known = range.offset;
  for (const { offset, length } of data) {
    if (!Number.isSafeInteger(offset) || !(length > 0) || offset < known) return false;
    known = offset + length;
  }
  return Number.isSafeInteger(end) && end > range.offset && known <= end && end <= endOf(range);
}

// Finds the parts of a file that can hold data, from the holes that the operating system reports. A wrong hole would lose data, so an implausible answer is not used.
import { alignDown, alignUp, type ByteRange, endOf, MIB } from '../base/byte-range.ts';
import type { ImageBytes } from './image-bytes.ts';

/** Holes are rounded to whole MiB, the smallest block of a VHDX. */
const GRAIN = MIB;
/** One query takes as long as reading this many bytes during a transfer, so smaller holes do not pay off. */
const WORTH_ASKING = 4 * MIB;
/** After queries that did not pay off, at most this many bytes are treated as data without a query. */
const MAX_UNASKED = 64 * MIB;
/** Bytes at the beginning and the end of a file that test whether the system reports data correctly. */
const SAMPLE = 512;

/** What the system reports about the beginning of a range of a file. */
export interface DataReport {
  /** Ranges that can hold data: ascending and apart. Everything else up to `end` is a hole. */
  readonly data: readonly ByteRange[];
  /** End of the answer. The rest of the range needs another query. */
  readonly end: number;
}

/** Queries the system. Undefined if it does not answer. */
export type AskForData = (range: ByteRange) => Promise<DataReport | undefined>;

/**
 * The parts of `range` that can hold data, ascending, queried as they are read. After the first implausible answer, the rest of
 * the range counts as data. Neighbouring parts may touch, so that the first part is available before a long row of small holes ends.
 */
export async function* dataRanges(range: ByteRange, ask: AskForData): AsyncGenerator<ByteRange> {
  const end = endOf(range);
  let unprofitable = 0;
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
    unprofitable = saved < WORTH_ASKING ? unprofitable + 1 : 0;
    const unasked = Math.min((unprofitable - 1) * WORTH_ASKING, MAX_UNASKED, end - offset);
    if (unasked <= 0) continue;
    yield { offset, length: unasked };
    offset += unasked;
  }
}

/** Whether the system reports the data at the beginning and the end of the file. If it reports holes there, its answers are unusable. */
export async function reportsDataCorrectly(file: ImageBytes, ask: AskForData): Promise<boolean> {
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

async function answerOf(range: ByteRange, ask: AskForData): Promise<DataReport | undefined> {
  const answer = await ask(range).catch(() => undefined);
  return answer !== undefined && isPlausible(answer, range) ? answer : undefined;
}

function isPlausible({ data, end }: DataReport, range: ByteRange): boolean {
  let known = range.offset;
  for (const { offset, length } of data) {
    if (!Number.isSafeInteger(offset) || !(length > 0) || offset < known) return false;
    known = offset + length;
  }
  return Number.isSafeInteger(end) && end > range.offset && known <= end && end <= endOf(range);
}

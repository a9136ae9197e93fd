// The worker of a WindowMemory: reads windows into the shared memory and computes their checksums.
//
// This thread reads cached data synchronously: that wakes no other thread, and keeps the bytes in the cache of the processor that
// computes their checksum. Reads from a disk run in parallel instead, to keep the disk busy.
import { read, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { answerQuestions } from '../base/answer-questions.ts';
import { type FilePiece, PAGE_SIZE } from '../base/byte-range.ts';
import { SharedChecksums } from './shared-checksum.ts';
import type { WindowAnswer, WindowTask, WindowWorkerData } from './window-task.ts';

/** One page per this many bytes is checked for zeros, which need not be sent. */
const SAMPLE_INTERVAL = 256 * 1024;
/** After a slow read, this many reads run in parallel before the next synchronous attempt. */
const READS_AFTER_SLOW = 64;
/** More parallel reads were not faster on the measured disk. */
const PARALLEL_READS = 2;

interface Reading extends WindowTask {
  readonly piece: FilePiece;
  readonly reply: (answer: WindowAnswer) => void;
}

const { memory, module, slowReadMs }: WindowWorkerData = workerData;
const checksums = new SharedChecksums(memory, module);
const toRead: Reading[] = [];
let reads = 0;
let slowReadsLeft = 0;

answerQuestions<WindowTask, WindowAnswer>((task, reply) => {
  const { algorithm, start, end, piece } = task;
  if (piece === undefined) {
    reply({ isRead: true, value: checksums.compute(algorithm, start, end) });
  } else {
    toRead.push({ ...task, piece, reply });
    readNext();
  }
});

function readNext(): void {
  while (reads < PARALLEL_READS) {
    const task = toRead.shift();
    if (task === undefined) return;
    if (slowReadsLeft > 0) {
      slowReadsLeft -= 1;
      reads += 1;
      readInParallel(task, task.start);
    } else {
      const beginMs = performance.now();
      const isRead = readSynchronously(task);
      if (performance.now() - beginMs > slowReadMs) slowReadsLeft = READS_AFTER_SLOW;
      answerRead(task, isRead);
    }
  }
}

function readSynchronously({ start, end, piece }: Reading): boolean {
  try {
    for (let at = start; at < end; ) {
      const count = readSync(piece.fd, checksums.bytes(at, end), 0, end - at, piece.position + at - start);
      if (count === 0) return false;
      at += count;
    }
    return true;
  } catch {
    return false;
  }
}

function readInParallel(task: Reading, at: number): void {
  const { start, end, piece } = task;
  read(piece.fd, checksums.bytes(at, end), 0, end - at, piece.position + at - start, (error, count) => {
    if (error === null && count > 0 && at + count < end) {
      readInParallel(task, at + count);
      return;
    }
    reads -= 1;
    readNext();
    answerRead(task, error === null && at + count === end);
  });
}

function answerRead(task: Reading, isRead: boolean): void {
  const isWhole = isRead && !seemsToHaveGaps(task);
  task.reply({ isRead, value: isWhole ? checksums.compute(task.algorithm, task.start, task.end) : undefined });
}

function seemsToHaveGaps({ start, end }: Reading): boolean {
  for (let page = start; page < end; page += SAMPLE_INTERVAL) {
    if (isZeroPage(page)) return true;
  }
  return isZeroPage(end - PAGE_SIZE);
}

function isZeroPage(page: number): boolean {
  return checksums.bytes(page, page + PAGE_SIZE).every((byte) => byte === 0);
}

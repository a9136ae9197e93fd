// The thread beside a WindowMemory: reads windows and computes their checksums, in the memory that it shares.
import { type FilePiece, PAGE_SIZE } from '../base/byte-range.ts';
import type { ChecksumAlgorithm } from '../base/page-run.ts';

/** The checksum of the memory from `start` to `end` is wanted, after `piece`, where there is one, was read into it. */
export interface WindowTask {
  readonly id: number;
  readonly algorithm: ChecksumAlgorithm;
  readonly start: number;
  readonly end: number;
  readonly piece?: FilePiece;
}

export interface WindowAnswer {
  readonly id: number;
  /** False where the piece could not be read whole: anything may be in the memory then. */
  readonly isRead: boolean;
  /** Undefined where nothing was read, or where what was read has pages of zeros, and so may not be sent as it is. */
  readonly value: Uint8Array | undefined;
}

/** Of each so many bytes that were read, one page is looked at: are there zeros that may be left out? */
const SAMPLE_INTERVAL = 256 * 1024;
/** A window that takes longer to read comes from the medium and not from the system's memory, in milliseconds: 1.3 GiB/s. */
export const SLOW_READ_MS = 3;
/** After one that was slow, so many are read side by side before it is tried again without. */
const READS_AFTER_SLOW = 64;
/** So many side by side: the disk that this was measured on was no faster with more. */
const READS_SIDE_BY_SIDE = 2;

/**
 * What it runs. Plain text, since it needs nothing of ours and so works from anywhere.
 *
 * What the system has in memory is read by this thread itself: no other has to be woken for it, and the bytes are in the cache
 * of the processor that computes their checksum. A medium is kept busy by reads side by side instead.
 */
export const WINDOW_THREAD = `
const { createHash } = require('node:crypto');
const { read, readSync } = require('node:fs');
const { parentPort, workerData: { memory, module, slowReadMs } } = require('node:worker_threads');
const { crc64 } = new WebAssembly.Instance(module, { env: { memory } }).exports;
const toRead = [];
let reads = 0;
let slowReadsLeft = 0;

parentPort.on('message', (task) => {
  if (task.piece === undefined) {
    answer(task, true, checksumOf(task));
  } else {
    toRead.push(task);
    readNext();
  }
});

function readNext() {
  while (reads < ${READS_SIDE_BY_SIDE} && toRead.length > 0) {
    const task = toRead.shift();
    if (slowReadsLeft > 0) {
      slowReadsLeft -= 1;
      reads += 1;
      readBeside(task, task.start);
    } else {
      const beginMs = performance.now();
      const isRead = readHere(task);
      if (performance.now() - beginMs > slowReadMs) slowReadsLeft = ${READS_AFTER_SLOW};
      answerRead(task, isRead);
    }
  }
}

function readHere({ start, end, piece }) {
  try {
    for (let at = start; at < end; ) {
      const count = readSync(piece.fd, bytesFrom(at, end), 0, end - at, piece.position + at - start);
      if (count === 0) return false;
      at += count;
    }
    return true;
  } catch {
    return false;
  }
}

function readBeside(task, at) {
  const { start, end, piece } = task;
  const done = (error, count) => {
    if (error === null && count > 0 && at + count < end) {
      readBeside(task, at + count);
      return;
    }
    reads -= 1;
    readNext();
    answerRead(task, error === null && at + count === end);
  };
  read(piece.fd, bytesFrom(at, end), 0, end - at, piece.position + at - start, done);
}

function answerRead(task, isRead) {
  answer(task, isRead, isRead && !seemsToHaveGaps(task) ? checksumOf(task) : undefined);
}

function answer({ id }, isRead, value) {
  parentPort.postMessage({ id, isRead, value });
}

function seemsToHaveGaps({ start, end }) {
  for (let page = start; page < end; page += ${SAMPLE_INTERVAL}) {
    if (isZeroPage(page)) return true;
  }
  return isZeroPage(end - ${PAGE_SIZE});
}

function isZeroPage(page) {
  return bytesFrom(page, page + ${PAGE_SIZE}).every((byte) => byte === 0);
}

function checksumOf({ algorithm, start, end }) {
  if (algorithm === 'md5') return new Uint8Array(createHash('md5').update(bytesFrom(start, end)).digest());
  const value = new Uint8Array(8);
  new DataView(value.buffer).setBigInt64(0, crc64(start, end), true);
  return value;
}

function bytesFrom(start, end) {
  // Another thread made it grow; this one may see that only when it asks for more itself.
  if (end > memory.buffer.byteLength) memory.grow(0);
  return new Uint8Array(memory.buffer, start, end - start);
}`;

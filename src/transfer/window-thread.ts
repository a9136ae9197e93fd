// The thread beside a WindowMemory: reads windows and computes their checksums, in the memory that it shares.
import type { FilePiece } from '../byte-range.ts';
import type { ChecksumAlgorithm } from '../target.ts';

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
  /** Undefined where nothing was read, or where what was read has pages of zeros, and so will not be sent as it is. */
  readonly value: Uint8Array | undefined;
}

/** Of each so many bytes that were read, one page is looked at: are there zeros that will be left out? */
const SAMPLE_INTERVAL = 256 * 1024;
/** One is computed on while another is read; what the system has in memory is not read faster by more, and a medium hardly. */
const READS_AT_ONCE = 2;

/** What it runs. Plain text, since it needs nothing of ours and so works from anywhere. */
export const WINDOW_THREAD = `
const { createHash } = require('node:crypto');
const { read } = require('node:fs');
const { parentPort, workerData: { memory, module } } = require('node:worker_threads');
const { crc64 } = new WebAssembly.Instance(module, { env: { memory } }).exports;
const toRead = [];
let reads = 0;

parentPort.on('message', (task) => {
  if (task.piece === undefined) {
    answer(task, true, checksumOf(task));
  } else {
    toRead.push(task);
    readNext();
  }
});

function readNext() {
  while (reads < ${READS_AT_ONCE} && toRead.length > 0) {
    const task = toRead.shift();
    const { start, end, piece } = task;
    reads += 1;
    read(piece.fd, bytesFrom(start, end), 0, end - start, piece.position, (error, count) => {
      reads -= 1;
      readNext();
      const isRead = error === null && count === end - start;
      answer(task, isRead, isRead && !seemsToHaveGaps(task) ? checksumOf(task) : undefined);
    });
  }
}

function answer({ id }, isRead, value) {
  parentPort.postMessage({ id, isRead, value });
}

function seemsToHaveGaps({ start, end }) {
  for (let page = start; page < end; page += ${SAMPLE_INTERVAL}) {
    if (new BigUint64Array(memory.buffer, page, 64).every((word) => word === 0n)) return true;
  }
  return false;
}

function checksumOf({ algorithm, start, end }) {
  if (algorithm === 'md5') return new Uint8Array(createHash('md5').update(bytesFrom(start, end)).digest());
  const value = new Uint8Array(8);
  new DataView(value.buffer).setBigInt64(0, crc64(start, end), true);
  return value;
}

function bytesFrom(start, end) {
  return new Uint8Array(memory.buffer, start, end - start);
}`;

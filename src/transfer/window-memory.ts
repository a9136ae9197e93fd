// The memory of the windows in flight. A worker thread reads into it and computes checksums in it, without a copy.
import { type FilePiece, WINDOW_SIZE } from '../base/byte-range.ts';
import type { Checksum, ChecksumAlgorithm } from '../base/page-run.ts';
import { AnsweringThread, SMALL_HEAP, startWorker } from '../base/worker-thread.ts';
import { compileCrc64, newCrc64Memory } from './crc64/crc64.ts';
import { SharedChecksums } from './shared-checksum.ts';
import type { WindowAnswer, WindowTask, WindowWorkerData } from './window-task.ts';

const WASM_PAGE = 64 * 1024;
/** Reserved address space, which costs nothing: twice as many windows as requests. */
const MAX_SIZE = 128 * WINDOW_SIZE;
/** A longer read comes from the disk, not from the system's cache, in milliseconds: 1.3 GiB/s. */
const SLOW_READ_MS = 3;

/** A window that the thread has read. */
export interface ReadWindow {
  /** Of the whole window. Undefined if the window seems to contain pages of zeros, which are not sent. */
  readonly checksum: Checksum | undefined;
}

/** Shared by two threads: a worker reads files into it and computes checksums; the main thread sends requests from it. The creator closes it. */
export class WindowMemory {
  readonly algorithm: ChecksumAlgorithm;
  readonly #memory: WebAssembly.Memory;
  readonly #free: Uint8Array[] = [];
  /** One thread computes 8 GiB/s of CRC64, more than the main thread sends. Undefined without checksums. */
  readonly #thread: AnsweringThread<WindowTask, WindowAnswer> | undefined;

  /** @param slowReadMs - A longer read of a window comes from the disk, in milliseconds. */
  constructor(algorithm: ChecksumAlgorithm, slowReadMs = SLOW_READ_MS) {
    this.algorithm = algorithm;
    this.#memory = newCrc64Memory(0, MAX_SIZE);
    if (algorithm !== 'none') this.#thread = startThread({ memory: this.#memory, module: compileCrc64(), slowReadMs });
  }

  /** Memory for one window, 4 MiB, with arbitrary contents. */
  take(): Uint8Array {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const offset = this.#memory.grow(WINDOW_SIZE / WASM_PAGE) * WASM_PAGE;
    return new Uint8Array(this.#memory.buffer, offset, WINDOW_SIZE);
  }

  giveBack(buffer: Uint8Array): void {
    this.#free.push(buffer);
  }

  /**
   * Fills `bytes` from the start of `piece`, and computes the checksum.
   * @param bytes - Part of a buffer from `take`; not empty, with a length that is a multiple of 512.
   * @returns undefined if the piece cannot be read (reading the image reports why), or if the worker has no advantage: without
   * checksums, or without a worker thread.
   */
  async read(piece: FilePiece, bytes: Uint8Array): Promise<ReadWindow | undefined> {
    const { algorithm } = this;
    const answer = await this.#ask(bytes, piece);
    if (algorithm === 'none' || answer?.isRead !== true) return undefined;
    return { checksum: answer.value === undefined ? undefined : { algorithm, value: answer.value } };
  }

  /** @param bytes - Part of a buffer from `take`; not empty, with a length that is a multiple of 512. Do not modify it meanwhile. */
  async checksum(bytes: Uint8Array): Promise<Checksum | undefined> {
    const { algorithm } = this;
    const value = (await this.#ask(bytes))?.value;
    return algorithm === 'none' || value === undefined ? undefined : { algorithm, value };
  }

  async close(): Promise<void> {
    await this.#thread?.close();
  }

  async #ask(bytes: Uint8Array, piece?: FilePiece): Promise<WindowAnswer | undefined> {
    const { algorithm } = this;
    if (algorithm === 'none') return undefined;
    const start = bytes.byteOffset;
    return await this.#thread?.ask({ algorithm, start, end: start + bytes.length, ...(piece && { piece }) });
  }
}

function startThread(workerData: WindowWorkerData): AnsweringThread<WindowTask, WindowAnswer> {
  let checksums: SharedChecksums | undefined;
  return new AnsweringThread<WindowTask, WindowAnswer>({
    title: 'The thread that reads and computes checksums',
    start: () => startWorker('window-worker', import.meta.url, { workerData, resourceLimits: SMALL_HEAP }),
    answerHere: ({ algorithm, start, end, piece }) => {
      // A read here would block the main thread; the caller reads asynchronously.
      if (piece !== undefined) return { isRead: false, value: undefined };
      checksums ??= new SharedChecksums(workerData.memory, workerData.module);
      return { isRead: true, value: checksums.compute(algorithm, start, end) };
    },
  });
}

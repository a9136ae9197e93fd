// The memory of the windows in flight. A thread beside the main one reads into it, and computes the checksums of what is in it,
// without a copy.
import { Worker } from 'node:worker_threads';
import { type FilePiece, WINDOW_SIZE } from '../base/byte-range.ts';
import type { Checksum, ChecksumAlgorithm } from '../base/page-run.ts';
import { SMALL_HEAP } from '../base/thread-heap.ts';
import { compileCrc64, newCrc64Memory } from './crc64/crc64.ts';
import { SLOW_READ_MS, WINDOW_THREAD, type WindowAnswer, type WindowTask } from './window-thread.ts';

const WASM_PAGE = 64 * 1024;
/** Of address space, which costs nothing: twice as many windows as there are requests at most. */
const MAX_SIZE = 128 * WINDOW_SIZE;

/** A window that the thread has read. */
export interface ReadWindow {
  /** Of all of it. Undefined where there are pages of zeros in it, so that it may not be sent whole. */
  readonly checksum: Checksum | undefined;
}

/** Threads share it: a file is read into it, a checksum is computed in it, a request is sent from it. Close it at the end. */
export class WindowMemory {
  readonly algorithm: ChecksumAlgorithm;
  readonly #memory: WebAssembly.Memory;
  readonly #free: Uint8Array[] = [];
  /** One: it computes 8 GiB/s of CRC64, more than the main thread sends. */
  readonly #worker: Worker | undefined;
  readonly #waiting = new Map<number, { resolve: (answer: WindowAnswer) => void; reject: (error: Error) => void }>();
  /** Set when the worker has ended: it would never answer. */
  #failure: Error | undefined;
  #nextId = 0;

  /** @param slowReadMs - What takes longer to read comes from a medium, in milliseconds. */
  constructor(algorithm: ChecksumAlgorithm, slowReadMs = SLOW_READ_MS) {
    this.algorithm = algorithm;
    this.#memory = newCrc64Memory(0, MAX_SIZE);
    if (algorithm === 'none') return;
    this.#worker = this.#startWorker(slowReadMs);
  }

  /** Memory for one window, 4 MiB, with anything in it. */
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
   * Fills `bytes` with what begins at `piece`, and computes the checksum on the way.
   * @param bytes - In a buffer of `take`; not empty, and a multiple of 512 long.
   * @returns undefined where the piece cannot be read, and whoever knows the file can say why; and where no checksum is wanted,
   * as there is nothing to gain then.
   */
  async read(piece: FilePiece, bytes: Uint8Array): Promise<ReadWindow | undefined> {
    const { algorithm } = this;
    if (algorithm === 'none') return undefined;
    const { isRead, value } = await this.#ask(algorithm, bytes, piece);
    if (!isRead) return undefined;
    return { checksum: value === undefined ? undefined : { algorithm, value } };
  }

  /** @param bytes - In a buffer of `take`; not empty, a multiple of 512 long, and not to be changed meanwhile. */
  async checksum(bytes: Uint8Array): Promise<Checksum | undefined> {
    const { algorithm } = this;
    if (algorithm === 'none') return undefined;
    const { value } = await this.#ask(algorithm, bytes);
    return value === undefined ? undefined : { algorithm, value };
  }

  /** Without checksums there is nothing to close. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  async #ask(algorithm: ChecksumAlgorithm, bytes: Uint8Array, piece?: FilePiece): Promise<WindowAnswer> {
    if (this.#failure !== undefined) throw this.#failure;
    const id = this.#nextId++;
    const start = bytes.byteOffset;
    const task: WindowTask = { id, algorithm, start, end: start + bytes.length, ...(piece && { piece }) };
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker?.postMessage(task);
    });
  }

  #startWorker(slowReadMs: number): Worker {
    const worker = new Worker(WINDOW_THREAD, {
      eval: true,
      workerData: { memory: this.#memory, module: compileCrc64(), slowReadMs },
      resourceLimits: SMALL_HEAP,
    });
    worker.on('message', (answer: WindowAnswer) => {
      this.#waiting.get(answer.id)?.resolve(answer);
      this.#waiting.delete(answer.id);
    });
    worker.on('error', (error: Error) => this.#failAll(error));
    worker.on('exit', () => this.#failAll(new Error('The thread that reads and computes checksums ended.')));
    return worker;
  }

  #failAll(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

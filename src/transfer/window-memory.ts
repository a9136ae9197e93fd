// The memory of the windows in flight, and the checksums of what is in it, computed beside the main thread without a copy.
import { Worker } from 'node:worker_threads';
import type { Checksum, ChecksumAlgorithm } from '../target.ts';
import { compileCrc64, newCrc64Memory } from './crc64.ts';
import { WINDOW_SIZE } from './plan.ts';

const WASM_PAGE = 64 * 1024;

/**
 * Runs in the worker. Plain text, since it needs nothing of ours and so works from anywhere. Both checksums take their bytes
 * where they are, in the shared memory.
 */
const WORKER = `
const { parentPort, workerData: { memory, module } } = require('node:worker_threads');
const { createHash } = require('node:crypto');
const { crc64 } = new WebAssembly.Instance(module, { env: { memory } }).exports;
parentPort.on('message', ({ id, algorithm, start, end }) => {
  const value = Buffer.alloc(8);
  if (algorithm === 'crc64') value.writeBigInt64LE(crc64(start, end));
  const digest = algorithm === 'crc64' ? value : createHash('md5').update(new Uint8Array(memory.buffer, start, end - start)).digest();
  parentPort.postMessage({ id, value: new Uint8Array(digest) });
});`;

/** Threads share it: a file is read into it, a checksum is computed in it, a request is sent from it. Close it at the end. */
export class WindowMemory {
  readonly #algorithm: ChecksumAlgorithm;
  readonly #memory: WebAssembly.Memory;
  readonly #free: Uint8Array[] = [];
  /** One: it computes 8 GiB/s of CRC64, more than the main thread sends. */
  readonly #worker: Worker | undefined;
  readonly #waiting = new Map<number, { resolve: (value: Uint8Array) => void; reject: (error: Error) => void }>();
  /** Set when the worker has ended: it would never answer. */
  #failure: Error | undefined;
  #nextId = 0;

  /** @param maxWindows - Buffers that are in use at once, at most. */
  constructor(algorithm: ChecksumAlgorithm, maxWindows: number) {
    this.#algorithm = algorithm;
    this.#memory = newCrc64Memory(0, (maxWindows + 1) * WINDOW_SIZE);
    if (algorithm === 'none') return;
    this.#worker = this.#startWorker();
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

  /** @param bytes - In a buffer of `take`; not empty, a multiple of 512 long, and not to be changed meanwhile. */
  async checksum(bytes: Uint8Array): Promise<Checksum | undefined> {
    const algorithm = this.#algorithm;
    if (algorithm === 'none') return undefined;
    if (this.#failure !== undefined) throw this.#failure;
    const id = this.#nextId++;
    const value = await new Promise<Uint8Array>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker?.postMessage({ id, algorithm, start: bytes.byteOffset, end: bytes.byteOffset + bytes.length });
    });
    return { algorithm, value };
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #startWorker(): Worker {
    const worker = new Worker(WORKER, {
      eval: true,
      workerData: { memory: this.#memory, module: compileCrc64() },
      // It keeps nothing: a small heap is enough, and memory is promised to be little.
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    });
    worker.on('message', ({ id, value }: { id: number; value: Uint8Array }) => {
      this.#waiting.get(id)?.resolve(value);
      this.#waiting.delete(id);
    });
    worker.on('error', (error: Error) => this.#failAll(error));
    worker.on('exit', () => this.#failAll(new Error('The thread that computes checksums ended.')));
    return worker;
  }

  #failAll(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

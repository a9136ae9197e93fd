// GuestFiles: reads the files of a guest's file system in a worker, which may abort or hang without harm.
import type { Worker } from 'node:worker_threads';
import { type ByteRange, endOf } from '../../base/byte-range.ts';
import { printable } from '../../base/printable.ts';
import { messageOf } from '../../base/thrown.ts';
import { startWorker } from '../../base/worker-thread.ts';
import type {
  FromGuestWorker,
  GuestEntry,
  GuestFileSystem,
  GuestFileSystemKind,
  GuestWorkerData,
  ToGuestWorker,
} from './guest-protocol.ts';

/** The part of a disk that holds a file system. */
export interface GuestVolume {
  /** In bytes. */
  readonly size: number;
  /** `range` is 512-aligned and inside the volume. */
  read(range: ByteRange, into: Uint8Array): Promise<void>;
}

/** The file system cannot be read: it is damaged, not supported by the library, or too slow. */
export class GuestUnreadableError extends Error {}

/** Time limit for all requests to one file system, in milliseconds: damage can make the library loop. */
const DEFAULT_TIME_LIMIT_MS = 30_000;

/** No intact file system needs a longer read. */
const MAX_READ = 16 * 1024 * 1024;

/** Heap limit of the worker. libext2fs uses a fixed 16 MiB in addition. */
const MAX_HEAP_MIB = 128;

interface PendingRequest {
  readonly resolve: (entry: GuestEntry) => void;
  readonly reject: (error: Error) => void;
}

/** The creator closes it. */
export class GuestFiles implements GuestFileSystem {
  readonly #kind: GuestFileSystemKind;
  readonly #volume: GuestVolume;
  readonly #timeLimitMs: number;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #results = new Map<string, Promise<GuestEntry>>();
  #running: { readonly worker: Worker; readonly timer: NodeJS.Timeout } | undefined;
  #nextId = 0;
  #failure: GuestUnreadableError | undefined;

  /** The worker starts with the first request. */
  constructor(kind: GuestFileSystemKind, volume: GuestVolume, timeLimitMs: number = DEFAULT_TIME_LIMIT_MS) {
    this.#kind = kind;
    this.#volume = volume;
    this.#timeLimitMs = timeLimitMs;
  }

  /**
   * The entry at `path`, which begins with a slash.
   * @throws {GuestUnreadableError} the file system cannot be read there, or has failed altogether.
   */
  look(path: string): Promise<GuestEntry> {
    const known = this.#results.get(path);
    if (known !== undefined) return known;
    const answer = this.#request(path);
    this.#results.set(path, answer);
    return answer;
  }

  async close(): Promise<void> {
    await this.#stop('it is closed');
  }

  #request(path: string): Promise<GuestEntry> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      try {
        this.#running ??= this.#start();
        this.#post({ type: 'look', id, path });
      } catch (error) {
        // There is no fallback to this thread, because the library can abort or loop.
        this.#stop(`the library that reads it cannot be started: ${messageOf(error)}`);
      }
    });
  }

  #start(): { worker: Worker; timer: NodeJS.Timeout } {
    const workerData: GuestWorkerData = { kind: this.#kind, size: this.#volume.size };
    const worker = startWorker('guest-worker', import.meta.url, {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
      // Keeps the library's output out of vhdup's output.
      stdout: true,
      stderr: true,
    });
    worker.on('message', (message: FromGuestWorker) => this.#onMessage(message));
    worker.on('error', (error) => this.#stop(`the library that reads it failed: ${error.message}`));
    worker.on('exit', () => this.#stop('the library that reads it exited'));
    const seconds = this.#timeLimitMs / 1000;
    const timer = setTimeout(() => this.#stop(`reading it took more than ${seconds} seconds`), this.#timeLimitMs);
    return { worker, timer };
  }

  #post(message: ToGuestWorker): void {
    if (this.#failure === undefined) this.#running?.worker.postMessage(message);
  }

  #onMessage(message: FromGuestWorker): void {
    if (message.type === 'read') {
      this.#read(message.id, { offset: message.offset, length: message.length });
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === 'entry') pending?.resolve(message.entry);
    else pending?.reject(new GuestUnreadableError(printable(firstLine(message.message))));
  }

  async #read(id: number, range: ByteRange): Promise<void> {
    const bytes = await this.#readInside(range).catch(() => undefined);
    this.#post({ type: 'bytes', id, bytes });
  }

  /** A damaged file system may ask for any range, so the range is checked first. */
  async #readInside(range: ByteRange): Promise<Uint8Array | undefined> {
    const { offset, length } = range;
    const isWhole =
      Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset % 512 === 0 && length % 512 === 0;
    if (!isWhole || offset < 0 || length <= 0 || length > MAX_READ || endOf(range) > this.#volume.size)
      return undefined;
    const bytes = new Uint8Array(length);
    await this.#volume.read(range, bytes);
    return bytes;
  }

  /** Stops the worker. Pending and later requests fail. */
  async #stop(reason: string): Promise<void> {
    if (this.#failure === undefined) {
      this.#failure = new GuestUnreadableError(printable(firstLine(reason)));
      for (const { reject } of this.#pending.values()) reject(this.#failure);
      this.#pending.clear();
    }
    clearTimeout(this.#running?.timer);
    await this.#running?.worker.terminate();
  }
}

/** The libraries append their arguments and build advice to a message. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? '';
}

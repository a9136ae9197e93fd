// GuestFiles: the files of a guest's file system, read in a worker that can abort or hang without harm.
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

/** A file system that cannot be read: damaged, beyond the library, or too slow. */
export class GuestUnreadableError extends Error {}

/** For all that is asked of one file system, in milliseconds: damage can make the library run in circles. */
const DEFAULT_TIME_LIMIT_MS = 30_000;

/** No sane file system asks for more at once. */
const MAX_READ = 16 * 1024 * 1024;

/** Of the worker. libext2fs has its own fixed 16 MiB beside it. */
const MAX_HEAP_MIB = 128;

interface Question {
  readonly resolve: (entry: GuestEntry) => void;
  readonly reject: (error: Error) => void;
}

/** Who makes it closes it. */
export class GuestFiles implements GuestFileSystem {
  readonly #kind: GuestFileSystemKind;
  readonly #volume: GuestVolume;
  readonly #timeLimitMs: number;
  readonly #questions = new Map<number, Question>();
  readonly #answers = new Map<string, Promise<GuestEntry>>();
  #running: { readonly worker: Worker; readonly timer: NodeJS.Timeout } | undefined;
  #nextQuestion = 0;
  #end: GuestUnreadableError | undefined;

  /** Nothing is started before the first question. */
  constructor(kind: GuestFileSystemKind, volume: GuestVolume, timeLimitMs: number = DEFAULT_TIME_LIMIT_MS) {
    this.#kind = kind;
    this.#volume = volume;
    this.#timeLimitMs = timeLimitMs;
  }

  /**
   * What lies at `path`, which begins with a slash.
   * @throws {GuestUnreadableError} the file system cannot be read there, or no more at all.
   */
  look(path: string): Promise<GuestEntry> {
    const known = this.#answers.get(path);
    if (known !== undefined) return known;
    const answer = this.#ask(path);
    this.#answers.set(path, answer);
    return answer;
  }

  async close(): Promise<void> {
    await this.#stop('it is closed');
  }

  #ask(path: string): Promise<GuestEntry> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end);
        return;
      }
      const id = this.#nextQuestion++;
      this.#questions.set(id, { resolve, reject });
      try {
        this.#running ??= this.#start();
        this.#tell({ type: 'look', id, path });
      } catch (error) {
        // Never in this thread instead: the library can abort, or run in circles.
        this.#stop(`the library that reads it cannot be started: ${messageOf(error)}`);
      }
    });
  }

  #start(): { worker: Worker; timer: NodeJS.Timeout } {
    const workerData: GuestWorkerData = { kind: this.#kind, size: this.#volume.size };
    const worker = startWorker('guest-worker', import.meta.url, {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
      // What a library prints on its way out is no output of ours.
      stdout: true,
      stderr: true,
    });
    worker.on('message', (message: FromGuestWorker) => this.#onMessage(message));
    worker.on('error', (error) => this.#stop(`the library that reads it failed: ${error.message}`));
    worker.on('exit', () => this.#stop('the library that reads it gave up'));
    const seconds = this.#timeLimitMs / 1000;
    const timer = setTimeout(() => this.#stop(`reading it took more than ${seconds} seconds`), this.#timeLimitMs);
    return { worker, timer };
  }

  #tell(message: ToGuestWorker): void {
    if (this.#end === undefined) this.#running?.worker.postMessage(message);
  }

  #onMessage(message: FromGuestWorker): void {
    if (message.type === 'read') {
      this.#read(message.id, { offset: message.offset, length: message.length });
      return;
    }
    const question = this.#questions.get(message.id);
    this.#questions.delete(message.id);
    if (message.type === 'entry') question?.resolve(message.entry);
    else question?.reject(new GuestUnreadableError(printable(firstLine(message.message))));
  }

  async #read(id: number, range: ByteRange): Promise<void> {
    const bytes = await this.#readInside(range).catch(() => undefined);
    this.#tell({ type: 'bytes', id, bytes });
  }

  /** What a damaged file system points at may lie anywhere. */
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

  /** Ends the worker. What is asked from now on, or not answered yet, fails. */
  async #stop(reason: string): Promise<void> {
    if (this.#end === undefined) {
      this.#end = new GuestUnreadableError(printable(firstLine(reason)));
      for (const { reject } of this.#questions.values()) reject(this.#end);
      this.#questions.clear();
    }
    clearTimeout(this.#running?.timer);
    await this.#running?.worker.terminate();
  }
}

/** The libraries add their arguments and advice to their builders. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? '';
}

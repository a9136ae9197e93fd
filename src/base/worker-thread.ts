// The only place that starts worker threads. If a worker cannot start, the current thread does its work.
import { extname } from 'node:path';
import { type ResourceLimits, Worker, type WorkerOptions } from 'node:worker_threads';
import { embeddedText } from './embedded.ts';

/** For a worker that keeps no data: a small heap is enough, and limits the memory of the process. */
export const SMALL_HEAP: ResourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/**
 * Starts the worker that the executable contains, or else the one whose file is beside the calling module. If the file is missing,
 * as in programs that are bundled with this library into one file, the worker emits `error`.
 * @param name - Name of the file without its extension, which is that of the module: `.ts` in the sources, `.js` in the package.
 * @param moduleUrl - The module's `import.meta.url`; undefined in CommonJS bundles.
 * @throws {Error} if the module is not in the file system, or the process may not start threads.
 */
export function startWorker(name: string, moduleUrl: string | undefined, options: WorkerOptions): Worker {
  const embedded = embeddedText(`${name}.js`);
  if (embedded !== undefined) return new Worker(embedded, { ...options, eval: true });
  if (moduleUrl === undefined) throw new Error(`The program was built without the worker ${name}.`);
  return new Worker(new URL(`./${name}${extname(moduleUrl)}`, moduleUrl), options);
}

export interface AnsweringThreadOptions<Question, Answer> {
  /** The start of messages: "The thread that computes checksums". */
  readonly title: string;
  /** Its worker calls `answerQuestions`. */
  readonly start: () => Worker;
  /** Answers in the current thread if the worker cannot start. Called in the order of the questions. */
  readonly answerHere: (question: Question) => Answer;
}

interface Waiting<Question, Answer> {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** A worker thread that answers questions. Its creator must close it. */
export class AnsweringThread<Question, Answer> {
  readonly #title: string;
  readonly #answerHere: (question: Question) => Answer;
  /** Undefined if the worker could not start: the current thread answers. */
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting<Question, Answer>>();
  #hasAnswered = false;
  /** Set when no further question can be answered. */
  #failure: unknown;
  #nextId = 0;

  constructor({ title, start, answerHere }: AnsweringThreadOptions<Question, Answer>) {
    this.#title = title;
    this.#answerHere = answerHere;
    try {
      this.#worker = this.#listenTo(start());
    } catch {
      // Some programs lack the worker's file or may not start threads. The current thread gives the same answers, only slower.
    }
  }

  /** @throws {Error} if the thread has failed or was closed. */
  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { question, resolve, reject });
      if (this.#worker === undefined) this.#answerSoon(id);
      else this.#worker.postMessage({ id, question });
    });
  }

  /** Rejects all open questions. */
  async close(): Promise<void> {
    this.#fail(new Error(`${this.#title} ended.`));
    await this.#worker?.terminate();
  }

  #listenTo(worker: Worker): Worker {
    worker.on('message', ({ id, answer }: { id: number; answer: Answer }) => {
      this.#hasAnswered = true;
      this.#waiting.get(id)?.resolve(answer);
      this.#waiting.delete(id);
    });
    worker.on('error', (error) => this.#onEnd(error));
    worker.on('exit', () => this.#onEnd(new Error(`${this.#title} ended.`)));
    return worker;
  }

  #onEnd(error: unknown): void {
    if (this.#hasAnswered || this.#failure !== undefined) {
      this.#fail(error);
      return;
    }
    // The worker never started. 'exit' follows 'error': the second call has nothing left to do.
    if (this.#worker === undefined) return;
    this.#worker = undefined;
    for (const id of this.#waiting.keys()) this.#answerSoon(id);
  }

  /** Lets the current thread do its other work between two answers. */
  #answerSoon(id: number): void {
    setImmediate(() => {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) return;
      this.#waiting.delete(id);
      try {
        waiting.resolve(this.#answerHere(waiting.question));
      } catch (error) {
        waiting.reject(error);
      }
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

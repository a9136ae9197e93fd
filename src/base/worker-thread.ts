// Threads beside the main one. The one place that starts them, and that does without where none can be started.
import { extname } from 'node:path';
import { type ResourceLimits, Worker, type WorkerOptions } from 'node:worker_threads';

/** For a thread that keeps nothing: a small heap is enough, and keeps the memory of the process small. */
export const SMALL_HEAP: ResourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/**
 * Starts the worker whose file lies beside the module that asks for it. A file that is absent is reported by the worker's `error`
 * event: programs that are bundled with this library into one file do not have it.
 * @param name - Of the file, without its extension: that is the module's own, `.ts` in the sources and `.js` in the package.
 * @param moduleUrl - The module's `import.meta.url`; undefined in bundles that are CommonJS.
 * @throws {Error} the module has no place in the file system, or the process may not start threads.
 */
export function startWorker(name: string, moduleUrl: string | undefined, options: WorkerOptions): Worker {
  if (moduleUrl === undefined) throw new Error(`The program was built without the worker ${name}.`);
  return new Worker(new URL(`./${name}${extname(moduleUrl)}`, moduleUrl), options);
}

export interface AnsweringThreadOptions<Question, Answer> {
  /** The start of messages: "The thread that computes checksums". */
  readonly title: string;
  /** Its worker calls `answerQuestions`. */
  readonly start: () => Worker;
  /** Answers in this thread where the worker cannot start. Called in the order of the questions. */
  readonly answerHere: (question: Question) => Answer;
}

interface Waiting<Question, Answer> {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread that answers questions. Whoever makes it closes it. */
export class AnsweringThread<Question, Answer> {
  readonly #title: string;
  readonly #answerHere: (question: Question) => Answer;
  /** Undefined where the worker could not start: the questions are answered here. */
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting<Question, Answer>>();
  #hasAnswered = false;
  /** Set when no question will be answered any more. */
  #failure: unknown;
  #nextId = 0;

  constructor({ title, start, answerHere }: AnsweringThreadOptions<Question, Answer>) {
    this.#title = title;
    this.#answerHere = answerHere;
    try {
      this.#worker = this.#listenTo(start());
    } catch {
      // Some programs are built without the worker's file, some may not start threads: slower, and just as right.
    }
  }

  /** @throws {Error} the thread has failed, or was closed. */
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

  /** What is not answered yet fails. */
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
    // It never started. 'exit' follows 'error': the second time, nothing is waiting for the worker.
    if (this.#worker === undefined) return;
    this.#worker = undefined;
    for (const id of this.#waiting.keys()) this.#answerSoon(id);
  }

  /** Between two answers, this thread does its other work. */
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

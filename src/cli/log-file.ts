// A log for support cases and reports: every event except progress is appended as one JSON object per line.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { WriteStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { createExclusive, openExisting, PRIVATE_MODE } from '../base/side-file.ts';
import { VERSION } from '../base/version.ts';
import { LocalFileError } from '../errors.ts';
import type { EventListener, UploadEvent } from '../events.ts';
import { redactedJson } from './json-lines.ts';
import { failureOf } from './run-command.ts';

/** The start of each line, and so of each file that may be appended to. */
const BEGINNING = '{"time":"';
/** Limit of the lines that wait in memory for a slow disk, in bytes. Lines beyond it are left out. */
const MAX_WAITING = 8 * 1024 * 1024;
/** How long the program waits at its end for a disk that hangs, in milliseconds. */
const CLOSE_LIMIT_MS = 5000;

/** What a log records of a run besides its events. */
export interface RunDescription {
  /** The command: "upload". */
  readonly command: string;
  /** The local file that it reads or writes. */
  readonly file?: string;
  /** The blob as the command line names it, without its query. */
  readonly target?: string;
  /** As `recordedOptions` lists them. */
  readonly options: Readonly<Record<string, string>>;
}

export class LogFile {
  readonly #path: string;
  /** Several runs may append to one log at once. */
  readonly #run = randomBytes(4).toString('hex');
  readonly #stream: WriteStream;
  readonly #onProblem: (message: string) => void;
  #leftOut = 0;
  #hasFailed = false;

  private constructor(path: string, stream: WriteStream, onProblem: (message: string) => void) {
    this.#path = path;
    this.#stream = stream;
    this.#onProblem = onProblem;
    // A full disk ends the log, not the upload.
    stream.on('error', (error) => this.#fail(error));
  }

  /**
   * Appends to the file, or creates it.
   * @param onProblem - Called at most once, when writing fails.
   * @throws {LocalFileError} if the file cannot be opened or is not a log of vhdup.
   */
  static async open(
    path: string,
    onProblem: (message: string) => void,
    description?: RunDescription,
  ): Promise<LogFile> {
    let file: FileHandle | undefined;
    try {
      file = (await openExisting(path, 'append')) ?? (await createExclusive(path, PRIVATE_MODE, true));
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(BEGINNING.length), position: 0 });
      if (bytesRead > 0 && buffer.toString('latin1', 0, bytesRead) !== BEGINNING) {
        throw new FileRefusal('the file exists and is not a vhdup log');
      }
    } catch (error) {
      await file?.close();
      if (!isFileProblem(error)) throw error;
      throw new LocalFileError(
        `Cannot write the log file ${shownPath(path)}: ${explainFileProblem(error, '--log-file')}`,
        { cause: error },
      );
    }
    const log = LogFile.writingTo(file.createWriteStream(), path, onProblem);
    log.write({
      type: 'log',
      version: VERSION,
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      ...description,
    });
    return log;
  }

  /** @param path - For messages. */
  static writingTo(stream: WriteStream, path: string, onProblem: (message: string) => void): LogFile {
    return new LogFile(path, stream, onProblem);
  }

  /** Bytes that are not written yet. */
  get waiting(): number {
    return this.#stream.writableLength;
  }

  readonly onEvent = (event: UploadEvent): void => {
    if (event.type !== 'progress') this.write(event);
  };

  write(object: object): void {
    if (this.#hasFailed) return;
    if (this.waiting > MAX_WAITING) {
      this.#leftOut += 1;
      return;
    }
    const time = new Date().toISOString();
    if (this.#leftOut > 0)
      this.#stream.write(redactedJson({ time, run: this.#run, type: 'left-out', lines: this.#leftOut }));
    this.#leftOut = 0;
    this.#stream.write(redactedJson({ time, run: this.#run, ...object }));
  }

  /** Resolves when everything is written, or when writing has failed. */
  async close(): Promise<void> {
    if (this.#hasFailed) return;
    const limit = AbortSignal.timeout(CLOSE_LIMIT_MS);
    this.#stream.end();
    await once(this.#stream, 'close', { signal: limit }).catch(() =>
      this.#fail(new FileRefusal('the disk does not answer')),
    );
  }

  #fail(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#onProblem(
      `Cannot write the log file ${shownPath(this.#path)} any more: ${explainFileProblem(error, '--log-file')}`,
    );
  }
}

export interface LoggedOptions {
  readonly description?: RunDescription;
  /** What to do after a failure, as a sentence. @default not recorded */
  readonly nextStep?: (error: unknown) => string | undefined;
}

/**
 * Runs `work` and passes its events to `onEvent` and, if there is a path, to the log. The log ends with the
 * outcome, and before a failure with the last progress.
 */
export async function logged<Result extends object>(
  path: string | undefined,
  onEvent: EventListener,
  work: (onEvent: EventListener) => Promise<Result>,
  { description, nextStep }: LoggedOptions = {},
): Promise<Result> {
  if (path === undefined) return await work(onEvent);
  const onProblem = (message: string) => onEvent({ type: 'warning', code: 'log-file', message });
  const log = await LogFile.open(path, onProblem, description);
  let last: UploadEvent | undefined;
  try {
    const result = await work((event) => {
      if (event.type === 'progress') last = event;
      log.onEvent(event);
      onEvent(event);
    });
    log.write({ type: 'result', ...result });
    return result;
  } catch (error) {
    // A result has these totals too.
    if (last !== undefined) log.write(last);
    const next = nextStep?.(error);
    log.write({ ...failureOf(error), ...(next === undefined ? {} : { nextStep: next }) });
    throw error;
  } finally {
    await log.close();
  }
}

// Reads the runs that a log of --log-file records: of this version or an older one, rotated, cut, or with several runs at once.
import { linesOf } from '../base/file-lines.ts';
import { explainFileProblem, FileRefusal, isFileProblem } from '../base/file-problem.ts';
import { shownPath } from '../base/printable.ts';
import { openExisting } from '../base/side-file.ts';
import { LocalFileError } from '../errors.ts';
import type { Program, RunFacts } from './facts.ts';
import { type Fields, fieldsOf, isFields, textIn, timeIn } from './fields.ts';
import { RunRecorder } from './run-recorder.ts';

/** The longest lines are maps and results with long lists. */
const MAX_LINE = 4 * 1024 * 1024;
/** The newest runs are kept. */
const MAX_RUNS = 500;

export interface LoggedRuns {
  /** In order of their start. */
  readonly runs: readonly RunFacts[];
  /** Lines that are not lines of a log. */
  readonly unreadable: number;
  /** Whether the last line is incomplete. */
  readonly isCut: boolean;
  /** Older runs that are not in `runs`. */
  readonly older: number;
}

/**
 * @param end - Where to stop, in bytes. @default the end of the file
 * @throws {LocalFileError} the file cannot be read, or has no line of a log.
 */
export async function readLog(path: string, end?: number): Promise<LoggedRuns> {
  try {
    const handle = await openExisting(path, 'read', { links: 'follow' });
    if (handle === undefined) throw new FileRefusal('the file does not exist');
    try {
      const size = Math.min((await handle.stat()).size, end ?? Number.POSITIVE_INFINITY);
      const log = new RunsOfLog();
      let read = 0;
      for await (const { text, position, length } of linesOf(handle, MAX_LINE, size)) {
        log.add(text);
        read = position + length + 1;
      }
      if (log.lines === 0 && size > 0) throw new FileRefusal('it is not a vhdup log');
      return { ...log.runs, isCut: read < size };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isFileProblem(error)) throw error;
    throw new LocalFileError(
      `Cannot read the log file ${shownPath(path)}: ${explainFileProblem(error, '--log-file')}`,
      {
        cause: error,
      },
    );
  }
}

class RunsOfLog {
  lines = 0;
  #unreadable = 0;
  #older = 0;
  readonly #recorders: RunRecorder[] = [];
  /** The runs that have not ended, by their ids. Lines of older versions have none. */
  readonly #open = new Map<string, RunRecorder>();

  /** @param text - Undefined if the line is too long. */
  add(text: string | undefined): void {
    const line = objectIn(text ?? '');
    const time = line && timeIn(line, 'time');
    const type = line && textIn(line, 'type');
    if (line === undefined || time === undefined || type === undefined) {
      this.#unreadable += 1;
      return;
    }
    this.lines += 1;
    const id = textIn(line, 'run') ?? '';
    if (type === 'log') {
      this.#begin(id, programOf(line), time);
      return;
    }
    const recorder = this.#open.get(id) ?? this.#begin(id, undefined, time);
    recorder.add(line, time);
    if (recorder.hasEnded) this.#open.delete(id);
  }

  get runs(): Omit<LoggedRuns, 'isCut'> {
    const runs = this.#recorders.map(({ facts }) => facts);
    return { runs, unreadable: this.#unreadable, older: this.#older };
  }

  #begin(id: string, program: Program | undefined, time: number): RunRecorder {
    const recorder = new RunRecorder(program);
    if (program !== undefined) recorder.add({ type: 'log' }, time);
    this.#open.set(id, recorder);
    this.#recorders.push(recorder);
    if (this.#recorders.length > MAX_RUNS) {
      const oldest = this.#recorders.shift();
      for (const [openId, open] of this.#open) if (open === oldest) this.#open.delete(openId);
      this.#older += 1;
    }
    return recorder;
  }
}

function objectIn(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function programOf(line: Fields): Program {
  const options = line['options'];
  return {
    version: textIn(line, 'version'),
    node: textIn(line, 'node'),
    platform: textIn(line, 'platform'),
    command: textIn(line, 'command'),
    file: textIn(line, 'file'),
    target: textIn(line, 'target'),
    options: isFields(options)
      ? Object.fromEntries(Object.entries(fieldsOf(options)).map(([name, value]) => [name, String(value)]))
      : undefined,
  };
}

// RunRecorder: collects the facts of one run from its events, whether they happen now or are read from a log.
import { CellCounts } from '../base/cell-counts.ts';
import type { ImageFileFacts } from '../events.ts';
import type { MapFacts, Outcome, Program, RunFacts, Work } from './facts.ts';
import { type Fields, fieldsOf, isFields, listIn, numberIn, numbersIn, textIn, timeIn } from './fields.ts';
import { RateBins } from './rate-bins.ts';
import { parseRequest, RequestTally } from './request-tally.ts';

/** Cells of a map that is made from requests: as many as `map` events have. */
export const REPORT_CELLS = 480;
const MAX_WARNINGS = 50;

const WORK_OF_START: ReadonlyMap<string, Work> = new Map([
  ['start', 'upload'],
  ['start-verify', 'verify'],
  ['start-download', 'download'],
]);
const WORKS: ReadonlySet<string> = new Set<Work>(['upload', 'verify', 'download']);
/** The operations that move the data, by the work of the run. */
const MOVES: Readonly<Record<Work, string>> = { upload: 'Put Page', verify: 'Get Blob', download: 'Get Blob' };

export class RunRecorder {
  readonly #program: Program | undefined;
  readonly #isWhole: boolean;
  readonly #tally = new RequestTally();
  readonly #rate = new RateBins();
  readonly #warnings = new Map<string, { code: string; message: string; count: number }>();
  #work: Work | undefined;
  #startedAt: number | undefined;
  #endedAt: number | undefined;
  #start: Fields = {};
  #phase: string | undefined;
  #outcome: Outcome | undefined;
  #totals: Fields = {};
  /** What the requests moved, for a run that has no `map` event. */
  #requested: CellCounts | undefined;
  #map: MapFacts | undefined;
  #concurrency: { most: number; last: number } | undefined;
  #renewals = 0;
  #freeSpace: Fields | undefined;
  #blob: RunFacts['blob'] = {};
  #leftOut = 0;

  readonly #handlers: Readonly<Partial<Record<string, (fields: Fields, time: number) => void>>> = {
    request: (fields, time) => this.#request(fields, time),
    retry: (fields, time) => {
      this.#tally.retried(textIn(fields, 'reason') ?? '', time);
      this.#rate.add(time, 0, 1);
    },
    progress: (fields) => {
      if (this.#phase !== 'verifying') this.#totals = fields;
    },
    phase: (fields) => {
      this.#phase = textIn(fields, 'phase');
    },
    map: (fields) => this.#mapped(fields),
    warning: (fields) => this.#warn(textIn(fields, 'code') ?? '', textIn(fields, 'message') ?? ''),
    concurrency: (fields) => this.#limited(numberIn(fields, 'requests')),
    credential: (fields) => {
      if (fields['state'] === 'renewed') this.#renewals += 1;
    },
    'free-space': (fields) => {
      this.#freeSpace = fields;
    },
    'left-out': (fields) => {
      this.#leftOut += numberIn(fields, 'lines') ?? 0;
    },
    result: (fields) => this.succeed(fields),
    error: (fields) => this.fail(fields),
  };

  /** @param program - Undefined if the record does not begin with the run. */
  constructor(program: Program | undefined) {
    this.#program = program;
    this.#isWhole = program !== undefined;
    const command = program?.command;
    if (command !== undefined && WORKS.has(command)) this.#work = command as Work;
  }

  /** Whether the run has ended: no event of it follows. */
  get hasEnded(): boolean {
    return this.#outcome !== undefined;
  }

  /**
   * @param event - An event of src/events.ts, or a line of a log.
   * @param time - When it happened, in milliseconds since the Unix epoch.
   */
  add(event: object, time: number): void {
    const fields = fieldsOf(event);
    this.#startedAt ??= time;
    this.#endedAt = time;
    const type = textIn(fields, 'type') ?? '';
    const work = WORK_OF_START.get(type);
    if (work === undefined && Object.hasOwn(this.#handlers, type)) this.#handlers[type]?.(fields, time);
    if (work !== undefined) this.#begin(work, fields);
  }

  /** @param result - The result of the library's function. */
  succeed(result: object): void {
    const fields = fieldsOf(result);
    this.#outcome = { is: 'result', result: fields };
    this.#totals = fields;
  }

  /** @param error - `code`, `exitCode` and `message` as --json prints them. */
  fail(error: object): void {
    const fields = fieldsOf(error);
    this.#outcome = {
      is: 'error',
      code: textIn(fields, 'code') ?? '',
      exitCode: numberIn(fields, 'exitCode'),
      message: textIn(fields, 'message') ?? '',
      nextStep: textIn(fields, 'nextStep'),
    };
  }

  get facts(): RunFacts {
    return {
      work: this.#work,
      program: this.#program,
      startedAt: this.#startedAt,
      endedAt: this.#endedAt,
      isWhole: this.#isWhole,
      start: this.#start,
      files: filesIn(this.#start),
      outcome: this.#outcome,
      totals: this.#totals,
      requests: this.#tally.requests,
      faults: this.#tally.faults,
      rate: this.#rate.facts,
      map: this.#map ?? this.#mapOfRequests(),
      warnings: [...this.#warnings.values()],
      concurrency: this.#concurrency,
      renewals: this.#renewals,
      freeSpace: this.#freeSpace,
      blob: this.#blob,
      leftOut: this.#leftOut,
    };
  }

  #begin(work: Work, fields: Fields): void {
    this.#work = work;
    this.#start = fields;
    const size = numberIn(fields, 'diskSize');
    if (size !== undefined && size > 0) this.#requested = new CellCounts(size, REPORT_CELLS);
  }

  #request(fields: Fields, time: number): void {
    const { operation, range } = parseRequest(textIn(fields, 'what') ?? '');
    const status = numberIn(fields, 'status') ?? 0;
    const isDone = status >= 200 && status < 300 && textIn(fields, 'reason') === undefined;
    this.#tally.add(operation, range?.length ?? 0, isDone);
    const etag = textIn(fields, 'etag');
    if (etag !== undefined) {
      const [lastModified, version] = [timeIn(fields, 'lastModified'), textIn(fields, 'version')];
      this.#blob = {
        etag,
        ...(lastModified === undefined ? {} : { lastModified: new Date(lastModified).toISOString() }),
        ...(version === undefined ? {} : { version }),
      };
    }
    if (!isDone || range === undefined || this.#work === undefined || operation !== MOVES[this.#work]) return;
    this.#rate.add(time, range.length, 0);
    this.#requested?.add(range);
  }

  /** The comparison at the end of an upload has a map of its own. */
  #mapped(fields: Fields): void {
    if (this.#work !== 'verify' && this.#phase !== 'sending') return;
    const [size, cellSize, moved] = [
      numberIn(fields, 'size'),
      numberIn(fields, 'cellSize'),
      numbersIn(fields, 'moved'),
    ];
    if (!isDivided(size, cellSize, moved.length)) return;
    const read = numbersIn(fields, 'read');
    this.#map = {
      size: size ?? 0,
      cellSize: cellSize ?? 0,
      moved,
      read: read.length === moved.length ? read : undefined,
      before: numbersIn(fields, 'before'),
      kept: numbersIn(fields, 'kept'),
    };
  }

  #mapOfRequests(): MapFacts | undefined {
    const size = numberIn(this.#start, 'diskSize');
    if (this.#requested === undefined || size === undefined) return undefined;
    const { cellSize, bytes } = this.#requested;
    return { size, cellSize, moved: bytes, read: undefined, before: [], kept: [] };
  }

  #warn(code: string, message: string): void {
    const key = `${code} ${message}`;
    const known = this.#warnings.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.#warnings.size < MAX_WARNINGS) this.#warnings.set(key, { code, message, count: 1 });
  }

  #limited(requests: number | undefined): void {
    if (requests === undefined) return;
    this.#concurrency = { most: Math.max(this.#concurrency?.most ?? 0, requests), last: requests };
  }
}

/** Whether cells of this size divide the disk as CellCounts does. */
function isDivided(size: number | undefined, cellSize: number | undefined, cells: number): boolean {
  if (size === undefined || cellSize === undefined || cellSize < 1 || cells > REPORT_CELLS) return false;
  return cells > 0 && cells === Math.ceil(size / cellSize);
}

function filesIn(start: Fields): readonly ImageFileFacts[] {
  return listIn(start, 'files')
    .filter(isFields)
    .map((file) => ({
      name: textIn(file, 'name') ?? '',
      size: numberIn(file, 'size') ?? 0,
      modifiedMs: numberIn(file, 'modifiedMs') ?? 0,
      diskId: textIn(file, 'diskId') ?? '',
    }));
}

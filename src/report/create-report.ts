// createReport: a report of an upload, a verification or a download, as one HTML document.
import { shownPath } from '../base/printable.ts';
import { VERSION } from '../base/version.ts';
import { UsageError } from '../errors.ts';
import type { ManifestFacts, ReportFacts, RunFacts } from './facts.ts';
import { textIn } from './fields.ts';
import { reportPage } from './page/page.ts';
import { type LoggedRuns, readLog } from './read-log.ts';
import { readManifest } from './read-manifest.ts';
import { type Selection, selectRuns } from './select-runs.ts';

export interface ReportOptions {
  /** Path of the manifest of the upload. Or `logFile`, or both. */
  readonly manifest?: string;
  /** Path of a log of `--log-file`. */
  readonly logFile?: string;
  /** Which upload of the log. @default that of the manifest, otherwise the newest one */
  readonly uploadId?: string;
}

/** What happened in a run that has just ended, besides what its log and manifest record. */
export interface LiveRun {
  readonly run: RunFacts;
  /** The log of this run and of earlier ones, and its length before this run, in bytes. */
  readonly log?: { readonly path: string; readonly end: number };
  readonly manifest?: string;
}

/**
 * A report from what was recorded, however long ago.
 * @returns HTML without scripts, that loads nothing. Contains no secret.
 * @throws {LocalFileError} a file cannot be read, or is something else. @throws {UsageError} the files belong to different uploads.
 */
export async function createReport({ manifest: path, logFile, uploadId }: ReportOptions): Promise<string> {
  if (path === undefined && logFile === undefined) {
    throw new UsageError('A report is made from a manifest, a log or both: give --manifest FILE or --log-file FILE.');
  }
  const manifest = path === undefined ? undefined : await readManifest(path);
  const log = logFile === undefined ? undefined : await readLog(logFile);
  const selected = log === undefined ? ofManifestAlone(manifest, uploadId) : selectRuns(log.runs, manifest, uploadId);
  const sources = [
    ...(path === undefined ? [] : [`the manifest ${shownPath(path)}`]),
    ...(logFile === undefined ? [] : [`the log ${shownPath(logFile)}`]),
  ];
  return reportPage(factsOf(selected, manifest, sources, log));
}

/**
 * A report of a run that has just ended. Earlier runs of the same work come from its log. A log or a manifest that cannot be read is
 * noted in the report: what this run did is known.
 */
export async function createLiveReport({ run, log: logFile, manifest: path }: LiveRun): Promise<string> {
  const notes: string[] = [];
  const noted = <T>(reading: Promise<T>) =>
    reading.catch((error: unknown) => {
      notes.push(error instanceof Error ? error.message : String(error));
      return undefined;
    });
  const found = path === undefined ? undefined : await noted(readManifest(path));
  const uploadId = textIn(run.start, 'uploadId');
  // A failure before the start may leave the manifest of another upload.
  const isSame = run.work !== 'upload' || found?.header.uploadId === uploadId;
  const manifest = isSame ? found : undefined;
  const log = logFile === undefined || logFile.end === 0 ? undefined : await noted(readLog(logFile.path, logFile.end));
  const earlier = run.work === 'upload' && uploadId !== undefined ? runsOfUpload(log?.runs ?? [], uploadId) : [];
  const sources = [
    'this run',
    ...(earlier.length === 0 || logFile === undefined ? [] : [`the log ${shownPath(logFile.path)}`]),
    ...(manifest === undefined ? [] : [`the manifest ${shownPath(manifest.path)}`]),
  ];
  const selected: Selection = { work: run.work ?? 'upload', runs: [...earlier, run], notes };
  return reportPage(factsOf(selected, manifest, sources, earlier.length === 0 ? undefined : log));
}

function runsOfUpload(runs: readonly RunFacts[], uploadId: string): readonly RunFacts[] {
  return runs.filter((one) => one.work === 'upload' && textIn(one.start, 'uploadId') === uploadId);
}

function ofManifestAlone(manifest: ManifestFacts | undefined, uploadId: string | undefined): Selection {
  const { notes } = selectRuns([], manifest, uploadId);
  return { work: 'upload', runs: [], notes };
}

function factsOf(
  { work, runs, notes }: Selection,
  manifest: ManifestFacts | undefined,
  sources: readonly string[],
  log: LoggedRuns | undefined,
): ReportFacts {
  return {
    createdAt: Date.now(),
    version: VERSION,
    work,
    runs,
    manifest,
    sources,
    notes: [...notes, ...notesOfLog(log), ...notesOfRuns(runs), ...notesOfManifest(manifest)],
  };
}

function notesOfLog(log: LoggedRuns | undefined): string[] {
  if (log === undefined) return [];
  const { unreadable, isCut, older } = log;
  return [
    ...(unreadable === 0 ? [] : [`${unreadable} lines of the log could not be read and are left out.`]),
    ...(isCut ? ['The last line of the log is incomplete: it is being written, or was cut.'] : []),
    ...(older === 0 ? [] : [`${older} older runs of the log are left out.`]),
  ];
}

function notesOfRuns(runs: readonly RunFacts[]): string[] {
  const [first] = runs;
  const leftOut = runs.reduce((sum, run) => sum + run.leftOut, 0);
  const isResumed = first !== undefined && textIn(first.start, 'resumedFrom') !== undefined;
  return [
    ...(first?.isWhole === false ? ['The record begins in the middle of a run: its log was rotated or cut.'] : []),
    ...(isResumed
      ? [
          `Earlier runs, from ${textIn(first.start, 'resumedFrom')} on, are not in the record: their requests and faults are not counted here.`,
        ]
      : []),
    ...(leftOut === 0
      ? []
      : [`The log left out ${leftOut} lines because the disk was too slow: the counts are too low.`]),
  ];
}

function notesOfManifest(manifest: ManifestFacts | undefined): string[] {
  if (manifest?.end === undefined) return [];
  const { sent, end, path } = manifest;
  return sent + end.footer.length === end.bytes
    ? []
    : [
        `The lines of the manifest ${shownPath(path)} describe ${sent + end.footer.length} bytes, but its end ${end.bytes}: the file is damaged or truncated.`,
      ];
}

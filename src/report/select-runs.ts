// Chooses what a report is about: one upload with its verifications, or one verification or download, of all that a log records.
import { printable } from '../base/printable.ts';
import { UsageError } from '../errors.ts';
import type { ManifestFacts, RunFacts, Work } from './facts.ts';
import { textIn } from './fields.ts';

export interface Selection {
  readonly work: Work;
  /** In order of their start. */
  readonly runs: readonly RunFacts[];
  readonly notes: readonly string[];
}

/**
 * The upload of the manifest or of `uploadId`; otherwise the newest upload of the runs; otherwise their newest verification or download.
 * @throws {UsageError} the runs contain no such upload, or nothing at all.
 */
export function selectRuns(
  runs: readonly RunFacts[],
  manifest: ManifestFacts | undefined,
  uploadId: string | undefined = manifest?.header.uploadId,
): Selection {
  if (manifest !== undefined && uploadId !== manifest.header.uploadId) {
    throw new UsageError(
      `The manifest ${printable(manifest.path)} is of the upload ${manifest.header.uploadId}, not of ${printable(uploadId ?? '')}. Leave --upload-id or --manifest out.`,
    );
  }
  const uploads = new Set(runs.map(uploadIdOf).filter((id) => id !== undefined));
  const wanted = uploadId ?? [...uploads].at(-1);
  if (wanted !== undefined) return ofUpload(runs, manifest, wanted, uploads, uploadId !== undefined);
  const last = runs.filter(({ work }) => work !== undefined).at(-1);
  if (last?.work === undefined) {
    throw new UsageError('The log records no upload, verification or download. Name another file with --log-file.');
  }
  // Runs that ended before they began have nothing in common.
  const hasBegun = textIn(last.start, 'url') !== undefined;
  const same = runs.filter((run) => hasBegun && run.work === last.work && subjectOf(run) === subjectOf(last));
  return { work: last.work, runs: hasBegun ? same : [last], notes: [] };
}

function ofUpload(
  runs: readonly RunFacts[],
  manifest: ManifestFacts | undefined,
  uploadId: string,
  uploads: ReadonlySet<string>,
  isGiven: boolean,
): Selection {
  const own = runs.filter((run) => uploadIdOf(run) === uploadId);
  if (own.length === 0 && (runs.length > 0 || manifest === undefined)) {
    const known = uploads.size === 0 ? 'no upload' : `the uploads ${[...uploads].map(printable).join(', ')}`;
    throw new UsageError(
      `The log does not record the upload ${printable(uploadId)}${manifest === undefined ? '' : `, to which the manifest ${printable(manifest.path)} belongs`}: it records ${known}. Name the log of this upload with --log-file, or leave it out.`,
    );
  }
  const url = manifest?.header.blobUrl ?? textIn(own[0]?.start ?? {}, 'url');
  const first = own[0];
  // The blob is the same as long as no other upload has begun to write to it.
  const next = runs.findIndex((run, index) => isOtherUpload(run) && index > runs.indexOf(first ?? run));
  function isOtherUpload(run: RunFacts): boolean {
    const id = uploadIdOf(run);
    return id !== undefined && id !== uploadId && textIn(run.start, 'url') === url;
  }
  const verifications = runs.filter(
    (run, index) =>
      run.work === 'verify' &&
      textIn(run.start, 'url') === url &&
      (first === undefined || index > runs.indexOf(first)) &&
      (next === -1 || index < next),
  );
  const others = [...uploads].filter((id) => id !== uploadId);
  const notes =
    others.length === 0 || isGiven
      ? []
      : [
          `The log also records ${others.length === 1 ? 'another upload' : `${others.length} other uploads`}, which this report leaves out. --upload-id chooses one: ${others.slice(-5).map(printable).join(', ')}.`,
        ];
  const selected = new Set([...own, ...verifications]);
  return { work: 'upload', runs: runs.filter((run) => selected.has(run)), notes };
}

function uploadIdOf({ work, start }: RunFacts): string | undefined {
  return work === 'upload' ? textIn(start, 'uploadId') : undefined;
}

/** The blob, and the file of a download. */
function subjectOf({ start }: RunFacts): string {
  return JSON.stringify([textIn(start, 'url'), textIn(start, 'output')]);
}

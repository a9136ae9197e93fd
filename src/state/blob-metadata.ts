// The blob's metadata that is ours. Names as HTTP gives them back: in lower case.

/** Which upload made the blob. */
export const UPLOAD_ID = 'vhdup_upload_id';
/** A `BlobState`. */
export const STATE = 'vhdup_state';
/** Who works on it, or was the last to: an Owner, whose id is that of its lease. Gone when it is complete. */
export const OWNER = 'vhdup_owner';
/** When the owner left it in order, by the clock of the service, ISO 8601. Absent while somebody works on it, and after a kill. */
export const LEFT = 'vhdup_left';
/** A fingerprint of the image it is made of. */
export const IMAGE = 'vhdup_image';

/**
 * What the blob is worth. `uploading`: so far all is well. `doubted`: a run went on although nothing proved that what was there
 * was as it had been sent, so that it is read back at the end. `exposed`: somebody else may have written to it, and only a run
 * that reads everything back goes on. `spoilt`: it does not hold what it should, and nothing goes on with it. `complete`.
 */
export type BlobState = 'uploading' | 'doubted' | 'exposed' | 'spoilt' | 'complete';

const UNFINISHED: readonly (string | undefined)[] = ['uploading', 'doubted', 'exposed'] satisfies BlobState[];

/** Whether an upload of ours made the blob, has not completed it, and may be gone on with. */
export function isUnfinished(metadata: Readonly<Record<string, string>>): boolean {
  return UNFINISHED.includes(metadata[STATE]);
}

/** Whether an upload of ours made the blob, and nothing is left to do. */
export function isComplete(metadata: Readonly<Record<string, string>>): boolean {
  return metadata[STATE] === 'complete';
}

/** The blob's sequence number belongs to its upload: a blob that replaced ours has another one, and refuses our writes. */
export function sequenceNumberOf(uploadId: string): number {
  return Number.parseInt(uploadId.replaceAll('-', '').slice(0, 12), 16);
}

// The blob's metadata that is ours. Names as HTTP gives them back: in lower case.

/** Which upload made the blob. */
export const UPLOAD_ID = 'vhdup_upload_id';
/** A `BlobState`. */
export const STATE = 'vhdup_state';
/** Who works on it, or was the last to: an Owner, whose id is that of its lease. Absent once it is complete. */
export const OWNER = 'vhdup_owner';
/** A fingerprint of the image it is made of. */
export const IMAGE = 'vhdup_image';

/** `failed`: it is not the image, and only an upload from the beginning replaces it. */
export type BlobState = 'uploading' | 'complete' | 'failed';

type Metadata = Readonly<Record<string, string>>;

/** Whether an upload of ours made the blob, has not completed it, and may be resumed. */
export function isUnfinished(metadata: Metadata): boolean {
  return metadata[UPLOAD_ID] !== undefined && !isComplete(metadata) && !isFailed(metadata);
}

/** Whether its verification failed, or the image changed while it was read. */
export function isFailed(metadata: Metadata): boolean {
  return metadata[STATE] === 'failed';
}

/** Whether an upload of ours made the blob, and nothing is left to do. */
export function isComplete(metadata: Metadata): boolean {
  return metadata[STATE] === 'complete';
}

/** The metadata that says so. */
export function inState(metadata: Metadata, state: BlobState): Record<string, string> {
  const { [OWNER]: owner = '', ...rest } = metadata;
  return { ...rest, ...(state === 'complete' ? {} : { [OWNER]: owner }), [STATE]: state };
}

/** The blob's sequence number belongs to its upload: a blob that replaced ours has another one, and refuses our writes. */
export function sequenceNumberOf(uploadId: string): number {
  return Number.parseInt(uploadId.replaceAll('-', '').slice(0, 12), 16);
}

// The metadata that vhdup sets on a blob. Names are in lower case, as HTTP returns them.

/** The upload that created the blob. */
export const UPLOAD_ID = 'vhdup_upload_id';
/** A `BlobState`. */
export const STATE = 'vhdup_state';
/** The run that uploads to the blob, or the last that did: an encoded Owner, whose id is the lease id. Absent once complete. */
export const OWNER = 'vhdup_owner';
/** The fingerprint of the image that the blob is made from. */
export const IMAGE = 'vhdup_image';

/** `failed`: the blob does not match the image, and only an upload from the beginning replaces it. */
export type BlobState = 'uploading' | 'complete' | 'failed';

type Metadata = Readonly<Record<string, string>>;

/** Whether vhdup created the blob in an upload that is not complete and can be resumed. */
export function isUnfinished(metadata: Metadata): boolean {
  return metadata[UPLOAD_ID] !== undefined && !isComplete(metadata) && !isFailed(metadata);
}

/** Whether the verification failed, or the image changed while it was read. */
export function isFailed(metadata: Metadata): boolean {
  return metadata[STATE] === 'failed';
}

/** Whether vhdup completed the blob. */
export function isComplete(metadata: Metadata): boolean {
  return metadata[STATE] === 'complete';
}

/** The same metadata in another state. */
export function inState(metadata: Metadata, state: BlobState): Record<string, string> {
  const { [OWNER]: owner = '', ...rest } = metadata;
  return { ...rest, ...(state === 'complete' ? {} : { [OWNER]: owner }), [STATE]: state };
}

/** The sequence number of a blob is derived from its upload: a blob that replaced this one has another number and refuses the writes. */
export function sequenceNumberOf(uploadId: string): number {
  return Number.parseInt(uploadId.replaceAll('-', '').slice(0, 12), 16);
}

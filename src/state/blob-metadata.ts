// The metadata that vhdup stores in a blob. Names are in lower case, as HTTP returns them.

/** The id of the upload that created the blob. */
export const UPLOAD_ID = 'vhdup_upload_id';
/** A `BlobState`. */
export const STATE = 'vhdup_state';
/** The run that uploads to the blob, or was the last to do so: an Owner, whose id is also its lease id. Absent once complete. */
export const OWNER = 'vhdup_owner';
/** A fingerprint of the source image. */
export const IMAGE = 'vhdup_image';

/** The free space that was left out, as `encodeSkippedFree` writes it. Absent if nothing was. */
export const SKIP_FREE = 'vhdup_skip_free';

/** Unique id of the VHD whose copy an unfinished blob is. Only the checkpoint shows which of its pages are those of the image. */
export const BASE = 'vhdup_base';

/** `failed`: the blob differs from the image. Only a new upload from the beginning replaces it. */
export type BlobState = 'uploading' | 'complete' | 'failed';

type Metadata = Readonly<Record<string, string>>;

/**
 * What other programs store in a blob as long as they upload to it. Source: Azure/azure-powershell, LocalMetaData.cs;
 * Microsoft/azure-vhd-utils, upload/metadata.
 */
const OF_OTHER_UPLOADERS: Readonly<Record<string, string>> = {
  localmetadata: 'Add-AzureVhd or Add-AzVhd',
  diskmetadata: 'azure-vhd-utils',
};

/** The program that has not finished its upload to the blob; undefined if none is known. */
export function otherUploader(metadata: Metadata): string | undefined {
  return Object.entries(OF_OTHER_UPLOADERS).find(([name]) => metadata[name] !== undefined)?.[1];
}

/** Whether an upload by vhdup created the blob, has not completed it, and can be resumed. */
export function isUnfinished(metadata: Metadata): boolean {
  return metadata[UPLOAD_ID] !== undefined && !isComplete(metadata) && !isFailed(metadata);
}

/** Whether the verification failed, or the image changed while it was read. */
export function isFailed(metadata: Metadata): boolean {
  return metadata[STATE] === 'failed';
}

/** Whether an upload by vhdup completed the blob. */
export function isComplete(metadata: Metadata): boolean {
  return metadata[STATE] === 'complete';
}

/** The metadata with another state. */
export function inState(metadata: Metadata, state: BlobState): Record<string, string> {
  const { [OWNER]: owner = '', [BASE]: base, ...rest } = metadata;
  if (state !== 'complete' && base !== undefined) return { ...rest, [OWNER]: owner, [BASE]: base, [STATE]: state };
  return { ...rest, ...(state === 'complete' ? {} : { [OWNER]: owner }), [STATE]: state };
}

/** The blob's sequence number for an upload. If another blob replaces it, the number differs and the service rejects our writes. */
export function sequenceNumberOf(uploadId: string): number {
  return Number.parseInt(uploadId.replaceAll('-', '').slice(0, 12), 16);
}

// The blob's metadata that is ours. Names as HTTP gives them back: in lower case.

/** Which upload made the blob. */
export const UPLOAD_ID = 'vhdup_upload_id';
/**
 * `uploading`; `exposed`: somebody else may have written to it meanwhile, and only a run that reads everything back goes on;
 * `spoilt`: what is in it is not what it should be, and nothing goes on with it; `complete`.
 */
export const STATE = 'vhdup_state';
/** Who works on it, or was the last to: an Owner, whose id is that of its lease. Gone when it is complete. */
export const OWNER = 'vhdup_owner';
/** When the owner left it in order, by the clock of the service, ISO 8601. Absent while somebody works on it, and after a kill. */
export const LEFT = 'vhdup_left';
/** A fingerprint of the image it is made of. */
export const IMAGE = 'vhdup_image';

/** The blob's sequence number belongs to its upload: a blob that replaced ours has another one, and refuses our writes. */
export function sequenceNumberOf(uploadId: string): number {
  return Number.parseInt(uploadId.replaceAll('-', '').slice(0, 12), 16);
}

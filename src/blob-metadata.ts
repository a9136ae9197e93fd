// The blob's metadata that is ours. Names as HTTP gives them back: in lower case.

/** Which upload made the blob. */
export const UPLOAD_ID = 'vhdup_upload_id';
/** `uploading`, `complete`, or `spoilt`: what is in it is not what it should be, and nothing goes on with it. */
export const STATE = 'vhdup_state';
/** Who works on it, or was the last to: an Owner. Gone when it is complete. */
export const OWNER = 'vhdup_owner';
/** A fingerprint of the image it is made of. */
export const IMAGE = 'vhdup_image';

// What is unknown about Resource Manager and disks in upload: the switches of the test server.

/** May change while the server runs. */
export interface ArmBehaviour {
  /**
   * A second beginGetAccess while there is an access: the same URL, which lasts longer; a new URL, and the old one no longer works;
   * a new one, and both work; 409. @default new-url
   */
  secondGrant: 'same-url' | 'new-url' | 'both-live' | 'conflict';
  /** The state of a disk after endGetAccess has failed with InvalidVhd. @default ActiveUpload */
  stateAfterInvalidVhd: 'ActiveUpload' | 'Unattached';
  /** endGetAccess of a disk to which nothing was written: checked like any other disk, or accepted, which a recording of 2019 shows. @default checked */
  emptyUpload: 'checked' | 'accepted';
  /** endGetAccess of a disk without an access: 409, or success without effect. @default conflict */
  endWithoutAccess: 'conflict' | 'accepted';
  /** DELETE of a disk in the state ActiveUpload. @default conflict */
  deleteDuringUpload: 'conflict' | 'accepted';
  /** PATCH of a disk in the state ActiveUpload. @default accepted */
  patchDuringUpload: 'conflict' | 'accepted';
  /** The key of the SAS in the result of a grant: the REST reference has accessSAS, the CLI prints accessSas. @default accessSAS */
  sasKey: 'accessSAS' | 'accessSas';
  /** Whether the client is in a network with a private endpoint, where AllowPrivate lets it in. @default false */
  hasPrivateEndpoint: boolean;
}

export const DEFAULT_ARM_BEHAVIOUR: Readonly<ArmBehaviour> = {
  secondGrant: 'new-url',
  stateAfterInvalidVhd: 'ActiveUpload',
  emptyUpload: 'checked',
  endWithoutAccess: 'conflict',
  deleteDuringUpload: 'conflict',
  patchDuringUpload: 'accepted',
  sasKey: 'accessSAS',
  hasPrivateEndpoint: false,
};

// What is unknown about the endpoint of a managed disk, or differs between disks: the switches of the disk server.

/** What a checksum header of Put Page leads to: it is checked, or has no effect, or is refused with one of two codes (400). */
export type ChecksumSupport = 'checked' | 'ignored' | 'UnsupportedHeader' | 'InvalidHeaderValue';

/** May change while the server runs. Those that concern new disks take effect when a disk gets its blob, at the first grant. */
export interface DiskBehaviour {
  /** x-ms-content-crc64 on Put Page. @default checked */
  crc64: ChecksumSupport;
  /** Content-MD5 on Put Page. @default checked */
  md5: ChecksumSupport;
  /** Whether the answer to Put Page has the checksum of what arrived. @default true */
  checksumEcho: boolean;
  /** x-ms-range-get-content-crc64 and -md5 on Get Blob. @default given */
  rangeChecksums: 'given' | 'omitted' | 'UnsupportedHeader';
  /** @default true */
  etag: boolean;
  /** @default true */
  lastModified: boolean;
  /** The newest x-ms-version that is accepted, such as 2023-08-03. @default that of an ordinary account */
  newestVersion: string | undefined;
  /** Whether Clear Pages is allowed. If not, it is also a violation. @default true */
  clearPages: boolean;
  /** Whether a SAS for writing reads pages too. @default true */
  readWithWriteSas: boolean;
  /** Get Page Ranges: adjacent pages merged, each page alone, 500 OperationTimedOut, or 403. @default merged */
  pageRanges: 'merged' | 'page-by-page' | 'times-out' | 'refused';
  /** Maximum number of ranges in one Get Page Ranges. @default 10,000 */
  rangesPerResponse: number;
  /** What a request without a token is answered with if the disk needs one. @default 401 */
  challengeStatus: 401 | 403;
  /** Whether the identity has the role Data Operator for Managed Disks. @default true */
  hasDataOperatorRole: boolean;
  /** Whether the answer to an expired SAS says that it has expired. @default false */
  explainsExpiry: boolean;
  /** What an access that was ended is answered with. @default 403 */
  endedAccessStatus: 403 | 404;
  /** A stored policy (`si`), whose expiry the URL does not show, or a signed key (`sk`) with times and permissions. @default si */
  sasForm: 'si' | 'sk';
  /** New disks for upload have a footer from the start. @default false */
  hasFooterFromStart: boolean;
  /** Data in new disks for upload, as an earlier user of the URL leaves it. @default none */
  staleData: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

export const DEFAULT_BEHAVIOUR: Readonly<DiskBehaviour> = {
  crc64: 'checked',
  md5: 'checked',
  checksumEcho: true,
  rangeChecksums: 'given',
  etag: true,
  lastModified: true,
  newestVersion: undefined,
  clearPages: true,
  readWithWriteSas: true,
  pageRanges: 'merged',
  rangesPerResponse: 10_000,
  challengeStatus: 401,
  hasDataOperatorRole: true,
  explainsExpiry: false,
  endedAccessStatus: 403,
  sasForm: 'si',
  hasFooterFromStart: false,
  staleData: [],
};

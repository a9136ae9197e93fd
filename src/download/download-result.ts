// The result of a download.
import type { FreeSpaceReport } from '../base/skip-free.ts';
import type { LocalImageFormat } from '../target/local-image.ts';

/**
 * What was compared.
 * - `unchanged`: the ETag of the blob was the same from the first range to the last.
 * - `checksums`: every range had the checksum that the service sent with it.
 * - `content-md5`: the disk was read back from the file, and has, with the footer, the Content-MD5 that is stored with the blob.
 * - `manifest`: everything has the checksums that the upload recorded in the manifest.
 */
export type DownloadProof = 'unchanged' | 'checksums' | 'content-md5' | 'manifest';

/** What each of them means, as the end of a sentence. */
export const PROOF_TEXTS: Readonly<Record<DownloadProof, string>> = {
  unchanged: 'the blob did not change meanwhile',
  checksums: 'every range has the checksum that the service sent',
  'content-md5': 'the disk in the file has the Content-MD5 of the blob',
  manifest: 'everything has the checksums in the manifest',
};

export interface DownloadResult {
  /** Without SAS. */
  readonly url: string;
  readonly output: string;
  readonly format: LocalImageFormat;
  /** Length of the file in bytes. */
  readonly size: number;
  /** Size of the disk in bytes. */
  readonly diskSize: number;
  /** Length of the blob in bytes. */
  readonly blobSize: number;
  /** Bytes received by this run. */
  readonly received: number;
  /** Bytes received by earlier runs. */
  readonly receivedBefore: number;
  /** Bytes of the disk that this run has written to the file; all others are zeros. */
  readonly written: number;
  /** An earlier run had finished the file, and only its checkpoint was left. */
  readonly alreadyComplete: boolean;
  readonly verified: readonly DownloadProof[];
  /** Whether zeros are holes, which take no space on the disk. */
  readonly sparse: boolean;
  readonly requests: number;
  readonly retries: number;
  /** Requests that were repeated because their bytes arrived damaged. */
  readonly checksumMismatches: number;
  readonly durationMs: number;
  /** Received by this run. */
  readonly bytesPerSecond: number;
  /** Only with `skipFree`. */
  readonly freeSpace?: FreeSpaceReport;
}

// The result of a download.
import type { LocalImageFormat } from '../target/local-image.ts';

/**
 * What was compared.
 * - `unchanged`: the ETag of the blob was the same from the first range to the last.
 * - `checksums`: every range had the checksum that the service sent with it.
 * - `content-md5`: the file was read back, and has the Content-MD5 that is stored with the blob.
 * - `manifest`: everything has the checksums that the upload recorded in the manifest.
 */
export type DownloadProof = 'unchanged' | 'checksums' | 'content-md5' | 'manifest';

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
}

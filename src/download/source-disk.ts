// The disk in a blob: what the properties and the footer of the blob say about it.

import { PAGE_SIZE } from '../base/byte-range.ts';
import type { ChecksumAlgorithm } from '../base/page-run.ts';
import { DestinationError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import {
  checksumProblem,
  DISK_TYPE,
  decodeFooter,
  FOOTER_LENGTH,
  footerFields,
  hasFooterCookie,
} from '../image/vhd/footer.ts';
import type { ReadProperties, ReadTarget } from '../remote/read-target.ts';
import { isFailed, isUnfinished } from '../state/blob-metadata.ts';
import type { LocalImageFormat } from '../target/local-image.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import { isZero } from '../transfer/zero-pages.ts';

export interface SourceDisk {
  readonly properties: ReadProperties;
  /** Size of the disk in bytes: without the footer, if there is one. */
  readonly size: number;
  /** The last 512 bytes of the blob; empty if the whole blob is the disk. */
  readonly footer: Uint8Array;
  /** Length of the blob in bytes if its last page holds data; 0 if it does not, or if it is not certain that the page is listed. */
  readonly endOfData: number;
  /** 16 bytes; zeros if no footer stores it. */
  readonly diskId: Uint8Array;
  /** Seconds since 2000-01-01T00:00:00Z, 0 if unknown. */
  readonly timestamp: number;
}

export interface LookOptions {
  readonly format: LocalImageFormat;
  readonly checksum: ChecksumAlgorithm;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/**
 * Reads the properties and the footer.
 * @throws {DestinationError} the blob does not exist, is not a page blob, its upload is not finished, or it does not end with the
 * footer of a fixed VHD, which only the format `raw` does without.
 */
export async function lookAtSource(target: ReadTarget, options: LookOptions): Promise<SourceDisk> {
  const { format, emit, signal } = options;
  const { url } = target;
  const properties = assertReadable(await target.store.properties(signal), url);
  const footer = await lastPage(target, properties, options);
  const problem = footerProblem(footer, properties.size);
  // Whether the service lists the footer of a managed disk is not documented.
  const endOfData = properties.type === 'PageBlob' && !isZero(footer) ? properties.size : 0;
  if (problem === undefined) {
    const { uniqueId, timestamp } = decodeFooter(footerFields(footer, url, properties.size - FOOTER_LENGTH));
    const size = properties.size - FOOTER_LENGTH;
    return { properties, size, footer, endOfData, diskId: uniqueId, timestamp };
  }
  if (format !== 'raw') {
    throw new DestinationError(
      `${url} cannot be saved as a VHD or a VHDX: ${problem}. To save all of its bytes as they are, give --format raw.`,
      { reason: 'NoVhdFooter' },
    );
  }
  emit({ type: 'warning', code: 'no-footer', message: `All bytes of ${url} are saved as they are: ${problem}.` });
  const rest = { footer: new Uint8Array(), endOfData, diskId: new Uint8Array(16), timestamp: 0 };
  return { properties, size: properties.size, ...rest };
}

function assertReadable(found: ReadProperties | undefined, url: string): ReadProperties {
  if (found === undefined) {
    throw new DestinationError(
      `Cannot download ${url}: it does not exist. Check the name of the container and the blob.`,
    );
  }
  const { type, size, metadata } = found;
  if (type !== undefined && type !== 'PageBlob') {
    const kind = type === 'BlockBlob' ? 'a block blob' : 'an append blob';
    throw new DestinationError(
      `Cannot download ${url}: it is ${kind}, and disks are page blobs. Name the page blob of the disk, or copy this blob as a file (azcopy copy).`,
      { reason: 'InvalidBlobType' },
    );
  }
  if (size === 0 || size % PAGE_SIZE !== 0) {
    throw new DestinationError(
      `Cannot download ${url}: it has ${size} bytes, but a disk has a positive multiple of ${PAGE_SIZE}.`,
    );
  }
  if (metadata !== undefined && isUnfinished(metadata)) {
    throw new DestinationError(
      `Cannot download ${url}: its upload is not finished. Run the same vhdup upload again first.`,
    );
  }
  if (metadata !== undefined && isFailed(metadata)) {
    throw new DestinationError(
      `Cannot download ${url}: the verification at the end of its upload failed, or the image changed while it was read, so it does not hold the disk. Upload it again.`,
    );
  }
  return found;
}

async function lastPage(
  { store }: ReadTarget,
  { size, etag }: ReadProperties,
  { checksum, signal }: LookOptions,
): Promise<Uint8Array> {
  const page = new Uint8Array(PAGE_SIZE);
  const checksumOf = (bytes: Uint8Array) => Promise.resolve(pageChecksum(checksum, bytes));
  await store.read({ offset: size - PAGE_SIZE, length: PAGE_SIZE }, page, { etag, checksum, checksumOf }, signal);
  return page;
}

/** Why the page is not the footer of a fixed VHD of this blob; undefined if it is. Follows a colon. */
function footerProblem(page: Uint8Array, blobSize: number): string | undefined {
  if (!hasFooterCookie(page)) {
    const found = isZero(page) ? 'its last 512 bytes are zeros' : 'its last 512 bytes are something else';
    return `it does not end with the footer of a VHD (${found})`;
  }
  const fields = footerFields(page, 'footer', blobSize - FOOTER_LENGTH);
  const damage = checksumProblem(fields);
  if (damage !== undefined) return `its VHD footer is damaged (${damage})`;
  const type = fields.u32(60);
  if (type !== DISK_TYPE.fixed) {
    const kind = type === DISK_TYPE.dynamic ? 'a dynamic VHD' : `a VHD of the disk type ${type}`;
    return `it is ${kind} that was uploaded as a file, and only a fixed VHD is a disk in Azure`;
  }
  const size = fields.bigU64(48);
  if (size === BigInt(blobSize - FOOTER_LENGTH) && size > 0n) return undefined;
  return `its VHD footer is for a disk of ${size} bytes, but ${blobSize - FOOTER_LENGTH} bytes precede it`;
}

/** The blob was modified, so its parts do not belong together. */
export function sourceChanged(url: string): DestinationError {
  return new DestinationError(
    `${url} was changed while it was downloaded, so what was received does not belong together. The incomplete file was removed. Run the same command again when nothing writes to it any more.`,
    { reason: 'ConditionNotMet' },
  );
}

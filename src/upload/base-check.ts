// Checks the base of an upload before anything is written: what it is, and which local ancestor it was made from.

import { PAGE_SIZE } from '../base/byte-range.ts';
import { DestinationError, UsageError, VerificationError } from '../errors.ts';
import type { DiskImage } from '../image/disk-image.ts';
import { asFixedVhd } from '../image/fixed-vhd-view.ts';
import { isFixedFooter } from '../image/vhd/footer.ts';
import { IMAGE, isFailed, isUnfinished, SKIP_FREE } from '../state/blob-metadata.ts';
import type { CheckpointBase } from '../state/checkpoint.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import { pageChecksum } from '../transfer/checksum.ts';
import { openAncestor } from './ancestor.ts';
import { type BaseCheck, proveBase } from './base-proof.ts';
import { imageFingerprint } from './context.ts';

/** Where the unique id is in a footer (VHD specification, "Hard Disk Footer Format"). */
const UNIQUE_ID = { offset: 68, length: 16 } as const;

export type ChosenBase = Pick<CheckpointBase, 'etag' | 'ancestor' | 'id' | 'proved'>;

/** @throws {UsageError} the image has no ancestors. */
export function assertHasAncestors({ path, files }: DiskImage): void {
  if (files.length > 1) return;
  throw new UsageError(
    `${path} is not a differencing image, so it has no ancestor that --base could name. Upload it without --base.`,
  );
}

/**
 * Finds the ancestor that the base was made from, and compares the base with it.
 * @throws {DestinationError} the base does not exist, is not an upload of an ancestor, or is in use.
 * @throws {VerificationError} the base holds other bytes than the ancestor.
 */
export async function chooseBase(check: BaseCheck, signal: AbortSignal): Promise<ChosenBase> {
  check.emit({ type: 'phase', phase: 'checking-base' });
  const properties = await lookAtBase(check, signal);
  const { etag } = properties;
  const footer = await footerOfBase(check, etag, signal);
  const id = idOf(footer);
  const fingerprint = imageFingerprint(check.image, check.options.trustUnmarkedSectors === true);
  if (properties.metadata[IMAGE] === fingerprint) throw isItself(check, id);
  const ancestors = await ancestorsOf(check, properties);
  const candidates = ancestors.filter((ancestor) => ancestor.id === id && ancestor.size === check.source.size);
  if (candidates.length === 0) throw noAncestor(check, id, ancestors);
  // The ids of a VHDX chain may all be the same. An upload by vhdup names the files that it was made from.
  const sorted = [...candidates].sort((one, other) => Number(other.isSource) - Number(one.isSource));
  let mismatch: unknown;
  for (const { index } of sorted) {
    const opened = await openAncestor(check.image, index, check.options);
    try {
      const view = asFixedVhd(opened);
      const proof = { ...check, view: { ...view, footer }, path: opened.path, properties };
      return { etag, ancestor: index, id, proved: await proveBase(proof, signal) };
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error;
      mismatch ??= error;
    } finally {
      await opened.close();
    }
  }
  throw mismatch;
}

interface Ancestor {
  /** In the files of the image. */
  readonly index: number;
  readonly name: string;
  /** Unique id, in hexadecimal. */
  readonly id: string;
  /** Length of its blob in bytes. */
  readonly size: number;
  /** Whether the metadata of the base shows that vhdup made it from these files. */
  readonly isSource: boolean;
}

/** The nearest first. */
async function ancestorsOf({ image, options }: BaseCheck, { metadata }: BlobProperties): Promise<readonly Ancestor[]> {
  const ancestors: Ancestor[] = [];
  for (let index = 1; index < image.files.length; index++) {
    const opened = await openAncestor(image, index, options);
    const { footer, size } = asFixedVhd(opened);
    const isSource = metadata[IMAGE] === imageFingerprint(opened, options.trustUnmarkedSectors === true);
    ancestors.push({ index, name: image.files[index]?.name ?? '', id: idOf(footer), size, isSource });
    await opened.close();
  }
  return ancestors;
}

/** The properties of the base. @throws {DestinationError} it cannot be the base of this image. */
async function lookAtBase({ source, store }: BaseCheck, signal: AbortSignal): Promise<BlobProperties> {
  const cannot = `Cannot use ${store.url} as the base`;
  const found = await store.properties(signal);
  if (found === undefined) {
    throw new DestinationError(
      `${cannot}: it does not exist. Check the name of the container and the blob, or upload without --base.`,
    );
  }
  const { type, size, metadata, copy } = found;
  if (type !== 'PageBlob') {
    throw new DestinationError(`${cannot}: it is a ${type}, not a page blob. Upload without --base.`);
  }
  if (copy?.status === 'pending') {
    throw new DestinationError(`${cannot}: a copy to it is pending. Run the same command again when it has ended.`);
  }
  if (isUnfinished(metadata)) {
    throw new DestinationError(`${cannot}: its own upload is not finished. Finish that upload first.`);
  }
  if (isFailed(metadata)) {
    throw new DestinationError(
      `${cannot}: the verification at the end of its own upload failed, or its image changed meanwhile. Upload without --base.`,
    );
  }
  if (metadata[SKIP_FREE] !== undefined) {
    throw new DestinationError(
      `${cannot}: it was uploaded with --skip-free, so it does not hold all bytes of its image. Upload without --base.`,
    );
  }
  if (size !== source.size) {
    throw new DestinationError(
      `${cannot}: it has ${size} bytes, but the fixed VHD of this image has ${source.size}. Name the blob of an ancestor of the same size, or upload without --base.`,
    );
  }
  return found;
}

/** @throws {DestinationError} the base does not end with the footer of a fixed VHD. */
async function footerOfBase(
  { source, store, checksum }: BaseCheck,
  etag: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const footer = new Uint8Array(PAGE_SIZE);
  const checksumOf = (bytes: Uint8Array) => Promise.resolve(pageChecksum(checksum, bytes));
  const range = { offset: source.diskSize, length: PAGE_SIZE };
  await store.read(range, footer, { etag, checksum, checksumOf }, signal);
  if (isFixedFooter(footer, source.diskSize)) return footer;
  throw new DestinationError(
    `Cannot use ${store.url} as the base: its last 512 bytes are not the footer of a fixed VHD of ${source.diskSize} bytes. Name the blob of an uploaded ancestor, or upload without --base.`,
  );
}

function idOf(footer: Uint8Array): string {
  const { offset, length } = UNIQUE_ID;
  return Buffer.from(footer.subarray(offset, offset + length)).toString('hex');
}

function noAncestor(check: BaseCheck, id: string, ancestors: readonly Ancestor[]): DestinationError {
  const { image, source, store } = check;
  if (idOf(source.footer) === id) return isItself(check, id);
  const known = ancestors.map((ancestor) => `${ancestor.id} (${ancestor.name})`).join(', ');
  return new DestinationError(
    `Cannot use ${store.url} as the base: it was made from a VHD with the unique id ${id}, which is not an ancestor of ${image.path}. The ancestors have the unique ids ${known}. Name the blob of one of them, or upload without --base.`,
  );
}

function isItself({ image, store }: BaseCheck, id: string): DestinationError {
  return new DestinationError(
    `Cannot use ${store.url} as the base: it was made from ${image.path} itself (unique id ${id}), so there is nothing to add to it. Run vhdup verify to compare them, or upload without --base.`,
  );
}

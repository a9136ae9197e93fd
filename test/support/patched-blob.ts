// What tests of uploads onto a base share: the base, the upload, and the comparison with a full one.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ByteRange } from '../../src/base/byte-range.ts';
import type { UploadEvent } from '../../src/events.ts';
import type { UploadOptions } from '../../src/options.ts';
import { uploadImage } from '../../src/upload/upload.ts';
import { CHAIN_SIZE, diskAt, type ImageChain } from './image-chain.ts';
import type { StoredBlob } from './page-blob-server/store.ts';
import { blobUrl, CONTAINER, server, storedBlob } from './target-server.ts';
import { buildVhd, uniqueIdOf, type VhdDescription } from './vhd-builder.ts';
import { expectSameBytes, temporaryFolder } from './vhd-fixtures.ts';

const FULL = 'full.vhd';
export const BASE = 'base.vhd';

export function urlOf(blob: string, permissions = 'rw'): string {
  return server.sasUrl({ container: CONTAINER, blob, permissions });
}

export function fullOptions(image: string, more: Partial<UploadOptions> = {}): UploadOptions {
  // Without checksums, no worker thread starts, which takes longer than a small upload.
  const quick = { threads: 2, checksum: 'none', retryDelayMs: 1, maxRetryDelayMs: 5 } as const;
  return { image, destination: blobUrl(), ...quick, ...more };
}

/** Uploads an image in full. */
export async function uploadFull(image: string, blob: string, more: Partial<UploadOptions> = {}): Promise<void> {
  await uploadImage({ ...fullOptions(image, more), destination: urlOf(blob) });
}

/** The options that upload the last image of the chain onto the base. */
export function patchOptions(chain: ImageChain, more: Partial<UploadOptions> = {}): UploadOptions {
  return fullOptions(chain.paths[2], { base: urlOf(BASE, 'r'), ...more });
}

/** Uploads the last image of the chain onto the base, and returns what it sent. */
export async function patch(chain: ImageChain, more: Partial<UploadOptions> = {}) {
  const from = server.log.length;
  const events: UploadEvent[] = [];
  const onEvent = (event: UploadEvent) => void events.push(event);
  const result = await uploadImage(patchOptions(chain, { onEvent, ...more }));
  const sent = server.log.slice(from).filter(({ operation }) => operation === 'PutPage');
  return { result, events, sentBytes: sent.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0) };
}

/** Creates the base as another program leaves it: all pages are listed, and the footer is its own. */
export async function putForeignBase(level: number, more: Partial<VhdDescription> = {}): Promise<StoredBlob> {
  const path = join(await temporaryFolder(), 'fixed.vhd');
  const contents = [{ offset: 0, bytes: diskAt(level) }];
  await buildVhd(path, { type: 'fixed', size: CHAIN_SIZE, contents, uniqueId: uniqueIdOf(level + 1), ...more });
  const bytes = await readFile(path);
  const blob = server.createPageBlob(CONTAINER, BASE, bytes.length);
  blob.write(0, bytes);
  blob.markWritten({ offset: 0, length: bytes.length });
  server.touch(blob);
  return blob;
}

interface FullUpload {
  readonly footer: Buffer;
  readonly ranges: readonly ByteRange[];
  readonly metadata: readonly string[];
  readonly headers: StoredBlob['headers'];
}

/** By the id of the image: the same image gives the same blob. */
const FULL_UPLOADS = new Map<string, FullUpload>();

/** Uploads the last image in full, once for all tests. */
async function fullUploadOf(chain: ImageChain): Promise<FullUpload> {
  const known = FULL_UPLOADS.get(chain.ids[2]);
  if (known !== undefined) return known;
  await uploadFull(chain.paths[2], FULL);
  const blob = server.blob(CONTAINER, FULL);
  expectSameBytes(blob.read(0, CHAIN_SIZE), chain.disk);
  const { headers } = blob;
  const full = { footer: blob.read(CHAIN_SIZE, 512), ranges: blob.ranges(), metadata: namesOf(blob), headers };
  FULL_UPLOADS.set(chain.ids[2], full);
  return full;
}

const namesOf = ({ metadata }: StoredBlob) => [...metadata.keys()].sort();

/** Checks that the blob is the same as one that the last image was uploaded to in full. */
export async function expectLikeFull(chain: ImageChain): Promise<void> {
  const full = await fullUploadOf(chain);
  const patched = storedBlob();
  expectSameBytes(patched.read(0, CHAIN_SIZE), chain.disk);
  expectSameBytes(patched.read(CHAIN_SIZE, 512), full.footer);
  expect(patched.ranges()).toEqual(full.ranges);
  expect(namesOf(patched)).toEqual(full.metadata);
  expect(patched.headers).toEqual(full.headers);
  expect(patched.metadata.get('vhdup_state')).toBe('complete');
}

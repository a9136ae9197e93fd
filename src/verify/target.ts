// What a verification reads: a page blob, the content of a managed disk by its SAS, or a managed disk that it gets access to.

import { idOf } from '../azure/arm/resource-id.ts';
import { UsageError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { VerifyOptions } from '../options.ts';
import { armOptionsOf, connectArm } from '../remote/arm-session.ts';
import { accessOf, type BlobAccess, connect, connectDisk, warnOfPlainHttp } from '../remote/connect.ts';
import { exportDisk, SLOW_LINK } from '../remote/disk-export.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import type { StoreProperties } from '../target/page-store.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';

/** A disk has neither a type nor metadata. */
export type VerifiedProperties = StoreProperties & Partial<Pick<BlobProperties, 'type' | 'metadata'>>;

export interface VerifyTarget {
  readonly store: RetryingPageStore<VerifiedProperties>;
  /** URL of the blob or disk, without SAS. */
  readonly url: string;
  /** Closes its connections, and ends the access that it got. */
  close(): Promise<void>;
}

export interface VerifyTargetSettings {
  readonly concurrency: Concurrency;
  /** Length of the blob in bytes. */
  readonly size: number;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/** The blob or disk of the destination; undefined for a managed disk by its name. @throws {UsageError} none or two targets are given. */
export function destinationOf(options: VerifyOptions): BlobAccess | undefined {
  const { destination, disk } = options;
  if ((destination === undefined) === (disk === undefined)) {
    throw new UsageError(
      destination === undefined
        ? 'The destination is missing: give the URL of a blob or disk, or the name of a managed disk.'
        : 'A verification has one target: give a destination or a disk, not both.',
    );
  }
  return destination === undefined ? undefined : accessOf({ ...options, destination }, 'r');
}

/** @throws as `exportDisk` and `connectArm` do. */
export async function openVerifyTarget(
  options: VerifyOptions,
  access: BlobAccess | undefined,
  { concurrency, size, emit, signal }: VerifyTargetSettings,
): Promise<VerifyTarget> {
  const settings = { ...options, maxRequests: concurrency.maxRequests };
  if (access === undefined) return await openManaged(options, { concurrency, size, emit, signal });
  warnOfPlainHttp(access, emit);
  if (access.address.isDisk === true) {
    const { disk, store } = await connectDisk(access, settings, emit);
    return { store, url: store.url, close: async () => disk.close() };
  }
  const { blob, store } = await connect(access, settings, emit);
  return { store, url: store.url, close: async () => blob.close() };
}

async function openManaged(
  options: VerifyOptions,
  { concurrency, size, emit, signal }: VerifyTargetSettings,
): Promise<VerifyTarget> {
  const main = { text: options.disk ?? '', type: 'Microsoft.Compute/disks', option: '--disk' } as const;
  const arm = await connectArm(armOptionsOf(options), emit, main);
  try {
    const id = arm.resource(main.text, main.type, main.option);
    const tokens = { credential: arm.credential, scope: arm.target.diskScope };
    const settings = { ...options, maxRequests: concurrency.maxRequests };
    const expectedMs = (size / SLOW_LINK) * 1000;
    const opened = await exportDisk({ disks: arm.disks, id, tokens, settings, expectedMs, emit }, signal);
    return {
      store: opened.store,
      url: `${arm.target.endpoint}${idOf(id)}`,
      close: async () => {
        await opened.end();
        arm.close();
      },
    };
  } catch (error) {
    arm.close();
    throw error;
  }
}

// What a command reads: a page blob, the content of a managed disk by its SAS, or a managed disk that it gets access to.

import { idOf } from '../azure/arm/resource-id.ts';
import { isDiskUrl } from '../azure/storage-host.ts';
import type { RateLimit } from '../base/rate-timetable.ts';
import { UsageError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { ArmPlace, ServiceOptions } from '../options.ts';
import type { BlobProperties } from '../target/page-blob.ts';
import type { StoreProperties } from '../target/page-store.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import { armOptionsOf, connectArm } from './arm-session.ts';
import { accessOf, type BlobAccess, connect, connectDisk, warnOfPlainHttp } from './connect.ts';
import { exportDisk, SLOW_LINK } from './disk-export.ts';
import type { RetryingPageStore } from './retrying-page-store.ts';

/** A disk has neither a type, nor metadata, nor an MD5. */
export type ReadProperties = StoreProperties & Partial<Pick<BlobProperties, 'type' | 'metadata' | 'contentMd5'>>;

/** Names the blob or the disk, and the credential for it. */
export interface ReadTargetOptions extends Omit<ServiceOptions, 'destination'>, ArmPlace {
  /** URL of a blob or of a managed disk; or `container/blob` when `serviceUrl` is given. */
  readonly destination?: string;
  /** Name or resource id of a managed disk. */
  readonly disk?: string;
  /** Maximum number of bytes received per second. @default no limit */
  readonly maxReadRate?: RateLimit;
}

export interface ReadTarget {
  readonly store: RetryingPageStore<ReadProperties>;
  /** URL of the blob or disk, without SAS. */
  readonly url: string;
  /** Distinguishes a managed disk from others of the same name. Absent for a blob, and for a disk that only a SAS names. */
  readonly uniqueId?: string;
  /** Closes its connections, and ends the access that it got. */
  close(): Promise<void>;
}

export interface ReadTargetSettings {
  readonly concurrency: Concurrency;
  /** Length of the blob in bytes. @default that of the disk */
  readonly size?: number;
  /** The `uniqueId` of the disk that an earlier run was reading. If that run was killed, its access to the disk has not ended. */
  readonly readBefore?: string | undefined;
  readonly emit: EventListener;
  readonly signal: AbortSignal;
}

/** The words for a command, in the messages about its target. */
export interface TargetWords {
  /** "The destination" */
  readonly name: string;
  /** "A verification" */
  readonly command: string;
}

/** Whether all of them are addresses at which access to a managed disk was granted. */
export function areDiskAddresses(...urls: readonly string[]): boolean {
  return urls.every((url) => isDiskUrl(new URL(url)));
}

/** The blob or disk of the destination; undefined for a managed disk by its name. @throws {UsageError} none or two targets are given. */
export function readAccessOf(options: ReadTargetOptions, { name, command }: TargetWords): BlobAccess | undefined {
  const { destination, disk } = options;
  if ((destination === undefined) === (disk === undefined)) {
    const noun = name.toLowerCase().replace(/^the /, '');
    throw new UsageError(
      destination === undefined
        ? `${name} is missing: give the URL of a blob or disk, or the name of a managed disk.`
        : `${command} has one ${noun === 'destination' ? 'target' : noun}: give a ${noun} or a disk, not both.`,
    );
  }
  return destination === undefined ? undefined : accessOf({ ...options, destination }, 'r');
}

/** @throws as `exportDisk` and `connectArm` do. */
export async function openReadTarget(
  options: ReadTargetOptions,
  access: BlobAccess | undefined,
  target: ReadTargetSettings,
): Promise<ReadTarget> {
  const { concurrency, emit } = target;
  if (access === undefined) return await openManaged(options, target);
  const settings = { ...options, maxRequests: concurrency.maxRequests };
  warnOfPlainHttp(access, emit);
  if (access.address.isDisk === true) {
    const { disk, store } = await connectDisk(access, settings, emit);
    return { store, url: store.url, close: async () => disk.close() };
  }
  const { blob, store } = await connect(access, settings, emit);
  return { store, url: store.url, close: async () => blob.close() };
}

async function openManaged(
  options: ReadTargetOptions,
  { concurrency, size, readBefore, emit, signal }: ReadTargetSettings,
): Promise<ReadTarget> {
  const main = { text: options.disk ?? '', type: 'Microsoft.Compute/disks', option: '--disk' } as const;
  const arm = await connectArm(armOptionsOf(options), emit, main);
  try {
    const id = arm.resource(main.text, main.type, main.option);
    const tokens = { credential: arm.credential, scope: arm.target.diskScope };
    const settings = { ...options, maxRequests: concurrency.maxRequests };
    const expected = size === undefined ? {} : { expectedMs: (size / SLOW_LINK) * 1000 };
    const opened = await exportDisk({ disks: arm.disks, id, tokens, settings, ...expected, readBefore, emit }, signal);
    return {
      store: opened.store,
      url: `${arm.target.endpoint}${idOf(id)}`,
      ...(opened.uniqueId === undefined ? {} : { uniqueId: opened.uniqueId }),
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

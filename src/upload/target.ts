// The target of an upload: a page blob, or the content of a managed disk. They differ in how a session opens and how it ends.

import { shownUrl } from '../azure/destination.ts';
import type { DiskTokenSource } from '../azure/disk-blob.ts';
import type { RateLimit } from '../base/rate-timetable.ts';
import { UsageError } from '../errors.ts';
import type { EventListener } from '../events.ts';
import type { ServiceOptions, UploadOptions } from '../options.ts';
import { BlobLifecycle } from '../remote/blob-lifecycle.ts';
import { accessOf, type BlobAccess, canRead, connect, connectDisk, warnOfPlainHttp } from '../remote/connect.ts';
import type { DiskExport } from '../remote/disk-export.ts';
import { type DiskControl, DiskLifecycle } from '../remote/disk-lifecycle.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { RemoteLifecycle } from '../target/lifecycle.ts';
import type { NewBlobOptions } from '../target/page-blob.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import { type BaseAccess, openBase } from './base-blob.ts';
import { chooseBase } from './base-check.ts';
import type { BaseRequest, Session, TargetRequest } from './context.ts';
import { openDiskSession } from './disk-session.ts';
import { openSession } from './session.ts';

export interface UploadedDisk {
  /** Resource id; absent if only a SAS was given. */
  readonly id?: string;
  /** Whether its access was ended, so that it can be used. Otherwise somebody has to end it. */
  readonly isCommitted: boolean;
}

export interface UploadTarget {
  readonly store: RetryingPageStore;
  /** What the checkpoint and messages call it: a URL without a SAS. */
  readonly url: string;
  readonly lifecycle: RemoteLifecycle;
  openSession(request: TargetRequest): Promise<Session>;
  /** The cause of a failure, if the state of the target shows a better one. */
  causeOf(error: unknown): Promise<unknown>;
  /** Opens it for reading once it is final; undefined if that is not possible. */
  openExport?(signal: AbortSignal): Promise<DiskExport>;
  /** What the result says of it; undefined for a blob. */
  disk(): UploadedDisk | undefined;
  /** Closes its connections. */
  close(): void;
}

export interface TargetSettings {
  readonly options: UploadOptions;
  readonly metadata: Readonly<Record<string, string>>;
  readonly blobOptions: NewBlobOptions;
  readonly concurrency: Concurrency;
  readonly maxRate: RateLimit;
  /** Undefined for an upload without a base. */
  readonly base?: BaseAccess | undefined;
}

/** What opening a target needs of the run. */
export interface OpenTargetRequest extends TargetSettings, Omit<TargetRequest, 'store' | 'targetUrl' | 'access'> {
  readonly emit: EventListener;
  /** Called if the run has lost the target. */
  readonly onLost: (error: Error) => void;
}

/** Connects to the blob or disk of the URL. Sends nothing. */
export function openTarget(request: OpenTargetRequest, destination: BlobAccess): Promise<UploadTarget> {
  warnOfPlainHttp(destination, request.emit);
  return destination.address.isDisk === true ? openDisk(request, destination) : openBlob(request, destination);
}

async function openBlob(request: OpenTargetRequest, destination: BlobAccess): Promise<UploadTarget> {
  const { options, metadata, blobOptions, concurrency, maxRate, emit, owner, signal, onLost } = request;
  if (!canRead(destination)) warnOfWriteOnly(destination, emit);
  const { blob, store } = await connect(destination, { ...options, maxRate, ...concurrency }, emit);
  const lifecycle = new BlobLifecycle({ blob, store, owner, emit, signal, onLost, canRead: canRead(destination) });
  const { breakLease, createContainer, deleteSnapshots, publicAccess } = options;
  const own = {
    ...{ lifecycle, metadata, blobOptions, emit },
    ...{ breakLease: breakLease === true, createContainer: createContainer === true },
    deleteSnapshots: deleteSnapshots === true,
    ...(publicAccess === undefined ? {} : { publicAccess }),
  };
  return {
    ...{ store, lifecycle, url: store.url },
    openSession: (session) => openSession({ ...session, ...own, base: baseRequest(request) }),
    causeOf: (error) => Promise.resolve(error),
    disk: () => undefined,
    close: () => blob.close(),
  };
}

function baseRequest({ base, options, concurrency, image, source, emit }: OpenTargetRequest): BaseRequest | undefined {
  if (base === undefined) return undefined;
  return {
    url: shownUrl(base.address),
    copySource: base.copySource,
    choose: async (signal) => {
      warnOfPlainHttp(base, emit);
      const opened = await openBase(base, options, concurrency, emit);
      try {
        const checksum = options.checksum ?? 'crc64';
        return await chooseBase({ image, source, options, store: opened.store, checksum, emit }, signal);
      } finally {
        opened.close();
      }
    },
    emit,
  };
}

/** What a disk that was created through Azure Resource Manager has beyond its content. */
export interface ManagedDisk {
  readonly url: string;
  readonly control: DiskControl;
  readonly renewSas: NonNullable<ServiceOptions['renewSas']>;
  readonly tokens: DiskTokenSource;
}

/** @param managed - Undefined if only a SAS was given: somebody else ends the access. */
export async function openDisk(
  { options, concurrency, maxRate, source, emit }: OpenTargetRequest,
  destination: BlobAccess,
  managed?: ManagedDisk,
): Promise<UploadTarget> {
  const renewSas = managed === undefined ? {} : { renewSas: managed.renewSas };
  const settings = { ...options, ...renewSas, maxRate, ...concurrency };
  const { disk, store, refusesChecksums } = await connectDisk(destination, settings, emit, managed?.tokens);
  const control = managed?.control;
  const lifecycle = new DiskLifecycle({
    ...{ store, control },
    footer: source.footer,
    acceptsChecksums: () => !refusesChecksums(),
  });
  return {
    ...{ store, lifecycle, url: managed?.url ?? store.url },
    openSession: (session) => openDiskSession({ ...session, lifecycle }),
    causeOf: (error) => (control === undefined ? Promise.resolve(error) : control.causeOf(error)),
    disk: () => ({
      ...(control === undefined ? {} : { id: control.state.id }),
      isCommitted: lifecycle.isCommitted,
    }),
    close: () => disk.close(),
  };
}

/** @throws {UsageError} options that a managed disk does not have. @throws as `accessOf` does. */
export function destinationOf(options: UploadOptions): BlobAccess | undefined {
  const { destination, disk } = options;
  if (disk !== undefined && destination !== undefined) {
    throw new UsageError('An upload has one target: give a destination or a disk, not both.');
  }
  if (disk === undefined && destination === undefined) {
    throw new UsageError('The destination is missing: give the URL of a blob or disk, or the name of a new disk.');
  }
  const dispensable = needsReading(options) ? '' : 'r';
  const access =
    destination === undefined ? undefined : accessOf({ ...options, destination }, permissionsFor(options), dispensable);
  if (access === undefined || access.address.isDisk === true) refuseBlobOptions(options);
  return access;
}

/** The permission letters of a SAS that the options need. */
function permissionsFor({ deleteSnapshots, blobTags = {} }: UploadOptions): string {
  return `rw${deleteSnapshots === true ? 'd' : ''}${Object.keys(blobTags).length === 0 ? '' : 't'}`;
}

/**
 * Whether the options need requests that read. Otherwise a SAS without r can upload, but only to a new blob: whether a blob exists
 * is known only from the answer to Put Blob, and nothing is compared at the end.
 */
function needsReading({ overwrite, resumeFromBlob, breakLease, verify = 'none', base }: UploadOptions): boolean {
  return (
    overwrite === true || resumeFromBlob === true || breakLease === true || verify !== 'none' || base !== undefined
  );
}

function warnOfWriteOnly({ address: { url } }: BlobAccess, emit: EventListener): void {
  emit({
    type: 'warning',
    code: 'write-only-sas',
    message: `The SAS cannot read (it lacks r), so it can only upload to a new blob: ${url} is not compared at the end, and an interrupted upload cannot be resumed with it. A SAS with sp=rw allows both.`,
  });
}

function refuseBlobOptions(options: UploadOptions): void {
  const { contentMd5, createContainer, deleteSnapshots, breakLease, metadata = {}, base } = options;
  const { contentType, pageBlobTier, blobTags } = options;
  const given = [
    ...(base === undefined ? [] : ['base (--base)']),
    ...(contentMd5 === true ? ['contentMd5 (--content-md5)'] : []),
    ...(createContainer === true ? ['createContainer (--create-container)'] : []),
    ...(deleteSnapshots === true ? ['deleteSnapshots (--delete-snapshots)'] : []),
    ...(contentType === undefined ? [] : ['contentType (--content-type)']),
    ...(pageBlobTier === undefined ? [] : ['pageBlobTier (--page-blob-tier)']),
    ...(blobTags === undefined ? [] : ['blobTags (--blob-tags)']),
    ...(breakLease === true ? ['breakLease (--break-lease)'] : []),
    ...(Object.keys(metadata).length > 0 ? ['metadata (--metadata)'] : []),
  ];
  if (given.length > 0) throw new UsageError(`A managed disk does not have ${given.join(' or ')}. Leave it out.`);
}

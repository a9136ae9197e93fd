// The target of an upload: a page blob, or the content of a managed disk. They differ in how a session opens and how it ends.

import type { EventListener } from '../events.ts';
import type { FixedVhdView } from '../image/fixed-vhd-view.ts';
import type { UploadOptions } from '../options.ts';
import { BlobLifecycle } from '../remote/blob-lifecycle.ts';
import { type BlobAccess, connect, connectDisk } from '../remote/connect.ts';
import { DiskLifecycle } from '../remote/disk-lifecycle.ts';
import type { RetryingPageStore } from '../remote/retrying-page-store.ts';
import type { Owner } from '../state/lease-holder.ts';
import type { RemoteLifecycle } from '../target/lifecycle.ts';
import type { Concurrency } from '../transfer/concurrency-limits.ts';
import type { Session, TargetRequest } from './context.ts';
import { openDiskSession } from './disk-session.ts';
import { openSession } from './session.ts';

export interface UploadTarget {
  readonly store: RetryingPageStore;
  /** What the checkpoint calls it: a URL without a SAS. */
  readonly url: string;
  readonly lifecycle: RemoteLifecycle;
  openSession(request: TargetRequest): Promise<Session>;
  /** Closes its connections. */
  close(): void;
}

export interface OpenTargetRequest {
  readonly options: UploadOptions;
  readonly destination: BlobAccess;
  readonly metadata: Readonly<Record<string, string>>;
  readonly concurrency: Concurrency;
  readonly maxRate: number;
  readonly source: FixedVhdView;
  readonly owner: Owner;
  readonly signal: AbortSignal;
  readonly emit: EventListener;
  /** Called if the run has lost the target. */
  readonly onLost: (error: Error) => void;
}

/** Sends nothing. */
export function openTarget(request: OpenTargetRequest): Promise<UploadTarget> {
  return request.destination.address.isDisk === true ? openDisk(request) : openBlob(request);
}

async function openBlob({
  options,
  destination,
  metadata,
  concurrency,
  maxRate,
  emit,
  ...run
}: OpenTargetRequest): Promise<UploadTarget> {
  const { blob, store } = await connect(destination, { ...options, maxRate, ...concurrency }, emit);
  const { owner, signal, onLost } = run;
  const lifecycle = new BlobLifecycle({ blob, store, owner, emit, signal, onLost });
  const { breakLease, createContainer } = options;
  const own = { lifecycle, metadata, breakLease: breakLease === true, createContainer: createContainer === true };
  return {
    ...{ store, lifecycle, url: store.url },
    openSession: (session) => openSession({ ...session, ...own }),
    close: () => blob.close(),
  };
}

async function openDisk({
  options,
  destination,
  concurrency,
  maxRate,
  source,
  emit,
}: OpenTargetRequest): Promise<UploadTarget> {
  const { disk, store, refusesChecksums } = await connectDisk(
    destination,
    { ...options, maxRate, ...concurrency },
    emit,
  );
  const acceptsChecksums = () => !refusesChecksums();
  const lifecycle = new DiskLifecycle({ store, footer: source.footer, control: undefined, acceptsChecksums });
  return {
    ...{ store, lifecycle, url: store.url },
    openSession: (session) => openDiskSession({ ...session, lifecycle }),
    close: () => disk.close(),
  };
}
